"""MeshConfig: settings of the whole mesh, as Istio names them."""

from ostria.api.meta import Message


class MeshConfig(Message):
    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
