"""References that lead nowhere, each with the object that made it: they are legal in Istio, and a user's first question when traffic fails."""

from collections.abc import Iterator
from typing import NamedTuple

from ostria.api.meta import ObjectKey
from ostria.api.networking.destination import Destination
from ostria.registry.hosts import is_wildcard
from ostria.registry.model import Host
from ostria.snapshot.gateways import key_of
from ostria.snapshot.rewriting import MESH, destinations_of
from ostria.snapshot.view import ResolvedVirtualService
from ostria.snapshot.world import World


class Dangling(NamedTuple):
    """`owner` names the object, with the rule where one is known. `kind`: host, subset, port, gateway, delegate, secret or shadowed."""

    owner: ObjectKey
    kind: str
    name: str
    text: str


def dangling(world: World) -> tuple[Dangling, ...]:
    found = [*_routes(world), *_secrets(world), *_shadowed(world)]
    return tuple(dict.fromkeys(found))


def _routes(world: World) -> Iterator[Dangling]:
    gateways = {f"{g.metadata.namespace}/{g.metadata.name}" for g in world.gateways}
    for vs in world.virtual_services.all:
        for gateway in vs.spec.gateways:
            if gateway != MESH and gateway not in gateways:
                yield Dangling(vs.owner, "gateway", gateway, f"gateway {gateway} does not exist")
        for rule, route in enumerate(vs.spec.http):
            targets = (
                [d.destination for d in route.route] + [m.destination for m in route.mirrors] + ([route.mirror] if route.mirror else [])
            )
            for target in targets:
                yield from _target(world, vs, vs.rule("http", rule), target)
        own = {id(d) for r in vs.spec.http for d in (*(x.destination for x in r.route), *(m.destination for m in r.mirrors), r.mirror)}
        for target in destinations_of(vs.spec):
            if id(target) not in own:
                yield from _target(world, vs, vs.owner, target)
        yield from (
            Dangling(vs.owner, "delegate", name, f"delegate VirtualService {name} does not exist") for name in _delegates(world, vs)
        )


def _target(world: World, vs: ResolvedVirtualService, owner: ObjectKey, target: Destination) -> Iterator[Dangling]:
    host = Host(target.host)
    service = world.services.named(host, vs.namespace)
    if service is None:
        if not is_wildcard(host):
            yield Dangling(owner, "host", host, f"host {host} is not a service that namespace {vs.namespace} sees")
        return
    if target.port and target.port.number and service.port(target.port.number) is None:
        yield Dangling(owner, "port", f"{host}:{target.port.number}", f"service {host} has no port {target.port.number}")
    if target.subset:
        rule = world.destination_rules.find(vs.namespace, service.host, service.namespace, ())
        if rule is None or all(subset.name != target.subset for subset in rule.spec.subsets):
            yield Dangling(owner, "subset", f"{host}|{target.subset}", f"no DestinationRule defines subset {target.subset} of {host}")


def _delegates(world: World, vs: ResolvedVirtualService) -> tuple[str, ...]:
    return world.virtual_services.missing.get(vs.owner, ())


def _secrets(world: World) -> Iterator[Dangling]:
    for gateway in world.gateways:
        namespaces = _router_namespaces(world, gateway.spec.selector)
        for server in gateway.spec.servers:
            names = (server.tls.credential_name, *server.tls.credential_names) if server.tls else ()
            for name in filter(None, names):
                if "://" in name:
                    continue
                for namespace in namespaces or {gateway.metadata.namespace}:
                    if (namespace, name) not in world.secrets:
                        yield Dangling(
                            key_of(gateway),
                            "secret",
                            f"{namespace}/{name}",
                            f"credentialName {name}: no Secret {name} in namespace {namespace}",
                        )


def _router_namespaces(world: World, selector: dict[str, str]) -> frozenset[str]:
    """A router reads secrets of its own namespace only."""
    return frozenset(w.namespace for w in world.workloads.values() if selector and selector.items() <= w.labels.items())


def _shadowed(world: World) -> Iterator[Dangling]:
    """In the mesh only the oldest VirtualService of a host counts."""
    first: dict[str, list[ResolvedVirtualService]] = {}
    for vs in world.virtual_services.by_gateway.get(MESH, ()):
        for host in vs.spec.hosts:
            for older in first.get(host, ()):
                if (
                    world.virtual_services.export_to[older.owner] >= world.virtual_services.export_to[vs.owner]
                    or "*" in world.virtual_services.export_to[older.owner]
                ):
                    yield Dangling(
                        vs.owner, "shadowed", host, f"{older.owner} is older and routes {host} in the mesh: this one is ignored there"
                    )
                    break
            first.setdefault(host, []).append(vs)
