"""What runs beside each Envoy: it makes the key and gets the certificate, relays xDS and serves secrets on a Unix socket, answers DNS, tells health,
merges metrics, starts Envoy and drains it.

In: tokens, the root certificate, the control plane's streams. Out: a bootstrap and a Unix socket for Envoy, HTTP on 15020, DNS on 15053.
`bootstrap`, `envoy` and `drain` import no gRPC, so that other supervisors of Envoy can use them. Nothing here imports a web framework: an agent stands
beside every workload, and memory counts.
"""
