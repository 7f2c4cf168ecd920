"""Worlds to generate configuration for, each large in one way: objects as YAML would have them, the proxy that asks, and one object that changes."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.datapath import certificates
from ostria.snapshot.view import Proxy, ProxyType
from ostria.translate.names import CDS, EDS, LDS, NDS, RDS, SDS

Json = dict[str, Any]
NAMESPACE = "istio-system"
_GATEWAY = {"istio": "ingressgateway"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`objects` makes the world for one value of what changes; of two such worlds only one object differs."""

    name: str
    objects: Callable[[int], Iterable[Json]]
    changed: Callable[[int], Json]
    change: str
    """In words."""
    proxy: dict[str, Any] = field(default_factory=dict)
    types: tuple[str, ...] = (CDS, EDS, LDS, RDS, SDS)

    def proxies(self, number: int) -> Proxy:
        facts: dict[str, Any] = {
            "id": f"load-{number}.{NAMESPACE}",
            "type": ProxyType.SIDECAR,
            "namespace": NAMESPACE,
            "name": f"load-{number}",
            "addresses": (f"10.200.0.{number + 1}",),
            "dns_domain": f"{NAMESPACE}.svc.cluster.local",
            "labels": {"app": "load"},
            "service_account": "load",
        }
        return Proxy(**{**facts, **self.proxy})


def _object(kind: str, version: str, name: str, rest: Json) -> Json:
    created = "2026-01-01T00:00:00Z"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE, "creationTimestamp": created}, **rest}


def _istio(kind: str, name: str, spec: Json, group: str = "networking") -> Json:
    return _object(kind, f"{group}.istio.io/v1", name, {"spec": spec})


def service(number: int, endpoints: int, replaced: int = 0) -> Iterator[Json]:
    """`replaced` stands in the last endpoint's address."""
    name, ip = f"svc-{number}", f"10.{96 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
    port = {"name": "http", "port": 80, "targetPort": 8080}
    yield _object("Service", "v1", name, {"spec": {"clusterIP": ip, "clusterIPs": [ip], "selector": {"app": name}, "ports": [port]}})
    hosts = [number * endpoints + n for n in range(endpoints - 1)]
    addresses = [f"10.{n // 62500}.{n // 250 % 250}.{n % 250 + 1}" for n in hosts] + [f"172.16.{number % 250}.{replaced + 1}"]
    slice_ = {
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [each], "conditions": {"ready": True}} for each in addresses],
    }
    made = _object("EndpointSlice", "discovery.k8s.io/v1", name, slice_)
    made["metadata"]["labels"] = {"kubernetes.io/service-name": name}
    yield made


def _services(count: int, endpoints: int) -> Iterator[Json]:
    return (made for number in range(count) for made in service(number, endpoints))


def route(number: int, gateways: list[str], weight: int = 0) -> Json:
    host = f"svc-{number}.{NAMESPACE}.svc.cluster.local" if not gateways else f"host-{number}.example.com"
    destination = f"svc-{number if not gateways else number % 10}.{NAMESPACE}.svc.cluster.local"
    match = [{"headers": {"x-change": {"exact": f"v{weight}"}}}]
    routes = [
        {"match": match, "timeout": "1s", "route": [{"destination": {"host": destination}}]},
        {"route": [{"destination": {"host": destination}}]},
    ]
    return _istio("VirtualService", f"route-{number}", {"hosts": [host], "http": routes} | ({"gateways": gateways} if gateways else {}))


def _gateway(servers: list[Json]) -> Json:
    return _istio("Gateway", "front", {"selector": _GATEWAY, "servers": servers})


def _routes(value: int) -> Iterator[Json]:
    yield from _services(10, 2)
    yield _gateway([{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}])
    yield from (route(number, ["front"], value if number == 0 else 0) for number in range(1000))


def _policy(number: int, value: int = 0) -> Json:
    source = {"principals": [f"cluster.local/ns/{NAMESPACE}/sa/caller-{number}"]}
    rule = {"from": [{"source": source}], "to": [{"operation": {"methods": ["GET"], "paths": [f"/api/{number}/{value}/*"]}}]}
    return _istio("AuthorizationPolicy", f"allow-{number}", {"selector": {"matchLabels": {"app": "load"}}, "rules": [rule]}, "security")


_PEM = certificates.make()


def _secret(number: int, value: int = 0) -> Json:
    """The first two certificates take turns when it changes."""
    who = ("client", "server")[value % 2]
    data = {name: b64encode(_PEM[f"{who}.{ending}"].encode()).decode() for name, ending in (("tls.crt", "crt"), ("tls.key", "key"))}
    return _object("Secret", "v1", f"certificate-{number}", {"type": "kubernetes.io/tls", "data": data})


def _secrets(value: int) -> Iterator[Json]:
    def server(number: int) -> Json:
        port = {"number": 443, "name": f"https-{number}", "protocol": "HTTPS"}
        return {"port": port, "hosts": [f"host-{number}.example.com"], "tls": {"mode": "SIMPLE", "credentialName": f"certificate-{number}"}}

    yield _gateway([server(number) for number in range(1000)])
    yield from (_secret(number, value if number == 0 else 0) for number in range(1000))


_ROUTER = {"type": ProxyType.ROUTER, "labels": _GATEWAY}
SCENARIOS = (
    Scenario(
        name="sidecar, 1,000 services",
        objects=lambda value: (*_services(1000, 2), route(0, [], value)),
        changed=lambda value: route(0, [], value),
        change="a VirtualService changed",
    ),
    Scenario(
        name="gateway, 1,000 hosts with two routes each",
        objects=_routes,
        changed=lambda value: route(0, ["front"], value),
        change="a VirtualService changed",
        proxy=_ROUTER,
    ),
    Scenario(
        name="sidecar, 100 services × 1,000 endpoints",
        objects=lambda value: (*service(0, 1000, value), *(each for n in range(1, 100) for each in service(n, 1000))),
        changed=lambda value: list(service(0, 1000, value))[-1],
        change="an endpoint changed",
    ),
    Scenario(
        name="sidecar, 100 authorization policies",
        objects=lambda value: (*_services(10, 2), *(_policy(n, value if n == 0 else 0) for n in range(100))),
        changed=lambda value: _policy(0, value),
        change="a policy changed",
    ),
    Scenario(
        name="gateway, 1,000 TLS secrets",
        objects=_secrets,
        changed=lambda value: _secret(0, value),
        change="a Secret changed",
        proxy=_ROUTER,
    ),
    Scenario(
        name="name table, 1,000 names",
        objects=lambda _: _services(1000, 1),
        changed=lambda value: next(service(1000 + value, 1)),
        change="one more Service",
        proxy={"dns_capture": True},
        types=(NDS,),
    ),
)
