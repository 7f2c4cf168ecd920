"""Filters and TLS contexts: what stands inside a listener's filter chains.

In come policies and settings of the mesh; out go Envoy's network filters, HTTP filters and transport sockets. `listeners` puts them into chains;
`clusters` takes the client side of TLS from `tls`.
"""
