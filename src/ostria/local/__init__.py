"""The mesh on one machine: ordinary Kubernetes manifests come in; processes in namespaces, addresses, DNS and generated objects come out.

`front` runs on the host: it finds out what is possible, publishes ports and starts the *supervisor*, the first process of the mesh's own PID, mount and
network namespaces. The supervisor reads the manifests, decides which *pods* there should be (`controllers`), runs each one's *containers*, agent and Envoy
in a network namespace below its own, and writes what it did as objects that the control plane, a workload like the others, reads back.
"""
