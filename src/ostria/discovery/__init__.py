"""From the translated world to bytes on gRPC streams.

A `World` (snapshot and translator, seen through one small interface) comes in; each connected proxy has a *stream*, a state machine in
`protocol` that knows what the proxy asked for and what it holds, and says what to send next; `server` owns sockets, time and queues around it;
`debug` shows all of it over HTTP under the names that Istio's tools know. Next in the path: the agent, then Envoy.
"""
