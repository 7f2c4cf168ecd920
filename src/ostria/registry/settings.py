"""The mesh-wide settings that services and endpoints depend on."""

from dataclasses import dataclass

from ostria.api.mesh.mesh_config import MeshConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    domain: str
    """The cluster's domain: `cluster.local`."""
    root_namespace: str
    trust_domain: str
    service_export_to: tuple[str, ...]

    def account(self, namespace: str, name: str) -> str:
        """The SPIFFE id of a service account."""
        return f"spiffe://{self.trust_domain}/ns/{namespace}/sa/{name}"


def of_mesh(mesh: MeshConfig, domain: str) -> Settings:
    return Settings(
        domain=domain, root_namespace=mesh.root_namespace, trust_domain=mesh.trust_domain, service_export_to=mesh.default_service_export_to
    )
