"""Who is calling, and the certificates that prove it.

A *caller* comes in with credentials (a Kubernetes-shaped token); an `Authenticator` turns them into a `Caller` with a SPIFFE identity; the
`Authority` signs the caller's key for exactly that identity, whatever the request asks for. `discovery` serves all of it over gRPC; the agent
and the supervisor use the names, the messages and the token issuer.
"""
