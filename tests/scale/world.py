"""A mesh of many services as files, and what happens to it all day: endpoints that come and go, routes that are rewritten, dropped and put back.

One object per file, written by rename, as a careful tool would. Everything follows from the seed, so that a run can be had again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

Object = Mapping[str, Any]

NAMESPACES = 5
ENDPOINTS = 6
_ISTIO = {"VirtualService": "networking", "DestinationRule": "networking", "Sidecar": "networking", "AuthorizationPolicy": "security"}


def namespace(service: int) -> str:
    return f"soak-{service % NAMESPACES}"


def host(service: int) -> str:
    return f"svc-{service}.{namespace(service)}.svc.cluster.local"


def pod_address(pod: int) -> str:
    return f"10.20.{pod // 250}.{pod % 250 + 1}"


@dataclass
class Town:
    """`services` of them, `pods` of which have a sidecar; pod number n stands behind service n modulo `services`."""

    folder: Path
    services: int
    pods: int
    random: Random
    routed: set[int] = field(default_factory=set)
    """Services that have a VirtualService now."""

    def build(self) -> None:
        for number in range(self.services):
            for made in self._of_service(number):
                self._write(made)
        for number in range(self.pods):
            self._write(_pod(number, number % self.services))
        for number in range(2):
            self._write(_istio("Sidecar", "default", f"soak-{number}", {"egress": [{"hosts": ["./*", f"soak-{number + 1}/*"]}]}))

    def change_endpoints(self) -> None:
        """One service's endpoints: another number of them, in other places, some not ready."""
        self.set_endpoints(self.random.randrange(self.services), self.random.randrange(1, 2 * ENDPOINTS))

    def set_endpoints(self, service: int, count: int) -> None:
        """So many besides its own pods, at addresses of their own."""
        self._write(self._slice(service, count))

    def change_route(self) -> None:
        """One VirtualService is rewritten, goes away or comes back."""
        number = self.random.randrange(0, self.services, 5)
        if number in self.routed and self.random.random() < 0.3:
            self.routed.discard(number)
            self._path("VirtualService", number).unlink()
        else:
            self._write(self._virtual_service(number, self.random.randrange(1, 100)))

    def _of_service(self, number: int) -> Iterator[Object]:
        ports = [{"name": "http", "port": 9080}, *([{"name": "tcp", "port": 3306}] if number % 7 == 0 else [])]
        yield _object("v1", "Service", f"svc-{number}", namespace(number)) | {
            "spec": {"clusterIP": f"10.96.{number // 250}.{number % 250 + 1}", "ports": ports, "selector": {"app": f"svc-{number}"}}
        }
        yield self._slice(number, ENDPOINTS)
        if number % 5 == 0:
            yield _istio("DestinationRule", f"svc-{number}", namespace(number), _rule(number))
            yield self._virtual_service(number, 90)
        if number % 10 == 0:
            yield _istio("AuthorizationPolicy", f"svc-{number}", namespace(number), _policy(number))

    def _slice(self, number: int, count: int) -> Object:
        pods = range(number, self.pods, self.services)
        own = [
            {"addresses": [pod_address(pod)], "targetRef": {"kind": "Pod", "name": f"svc-{number}-{pod}", "namespace": namespace(number)}}
            for pod in pods
        ]
        others = [
            {
                "addresses": [f"10.{30 + number // 250}.{number % 250}.{self.random.randrange(1, 250)}"],
                "conditions": {"ready": self.random.random() < 0.8},
            }
            for _ in range(count)
        ]
        body = {
            "addressType": "IPv4",
            "endpoints": own + others,
            "ports": [{"name": "http", "port": 9080}, {"name": "tcp", "port": 3306}],
        }
        made = _object("discovery.k8s.io/v1", "EndpointSlice", f"svc-{number}", namespace(number)) | body
        made["metadata"]["labels"] = {"kubernetes.io/service-name": f"svc-{number}"}
        return made

    def _virtual_service(self, number: int, weight: int) -> Object:
        self.routed.add(number)
        to = [{"destination": {"host": host(number), "subset": subset}} for subset in ("v1", "v2")]
        split = [to[0] | {"weight": weight}, to[1] | {"weight": 100 - weight}]
        jason = {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": [to[1]]}
        return _istio("VirtualService", f"svc-{number}", namespace(number), {"hosts": [host(number)], "http": [jason, {"route": split}]})

    def _path(self, kind: str, number: int) -> Path:
        return self.folder / f"{kind}-{namespace(number)}-svc-{number}.json"

    def _write(self, made: Object) -> None:
        about = made["metadata"]
        path = self.folder / f"{made['kind']}-{about['namespace']}-{about['name']}.json"
        hidden = path.with_name(f".{path.name}.tmp")
        hidden.write_text(json.dumps(made))
        hidden.replace(path)


def _object(version: str, kind: str, name: str, where: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": where}}


def _istio(kind: str, name: str, where: str, spec: Object) -> Object:
    return _object(f"{_ISTIO[kind]}.istio.io/v1", kind, name, where) | {"spec": spec}


def _pod(number: int, service: int) -> Object:
    made = _object("v1", "Pod", f"svc-{service}-{number}", namespace(service))
    made["metadata"] |= {
        "labels": {"app": f"svc-{service}", "version": f"v{number % 2 + 1}", "security.istio.io/tlsMode": "istio"},
        "annotations": {"sidecar.istio.io/status": "{}"},
    }
    status = {"phase": "Running", "podIP": pod_address(number), "conditions": [{"type": "Ready", "status": "True"}]}
    containers = [{"name": "app", "image": "app", "ports": [{"name": "http", "containerPort": 9080}]}]
    return made | {"spec": {"containers": containers, "serviceAccountName": f"sa-{service}"}, "status": status}


def _rule(number: int) -> Object:
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    policy = {"connectionPool": {"tcp": {"maxConnections": 100}}, "outlierDetection": {"consecutive5xxErrors": 5}}
    return {"host": host(number), "trafficPolicy": policy, "subsets": subsets}


def _policy(number: int) -> Object:
    source = {"principals": [f"cluster.local/ns/{namespace(number + 1)}/sa/sa-{number + 1}"]}
    return {
        "selector": {"matchLabels": {"app": f"svc-{number}"}},
        "action": "ALLOW",
        "rules": [{"from": [{"source": source}], "to": [{"operation": {"methods": ["GET"]}}]}],
    }
