"""References that lead nowhere, each with the object that made it: they are legal in Istio, and a user's first question when traffic fails."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from ostria.api.meta import ObjectKey
from ostria.api.networking.destination import Destination
from ostria.registry.hosts import is_wildcard
from ostria.registry.model import Host
from ostria.snapshot.gateways import key_of
from ostria.snapshot.memo import Memo
from ostria.snapshot.rewriting import MESH, destinations_of
from ostria.snapshot.view import ResolvedVirtualService
from ostria.snapshot.world import World


class Dangling(NamedTuple):
    """`owner` names the object, with the rule where one is known. `kind`: host, subset, port, gateway, delegate, secret or shadowed."""

    owner: ObjectKey
    kind: str
    name: str
    text: str
    hint: str = ""


Known = Memo[tuple[Dangling, ...]]


def dangling(world: World, known: Known) -> tuple[Dangling, ...]:
    """`known` keeps what was found in each VirtualService, for as long as all that they name is the same: most changes are of one."""
    found = [*_routes(world, known), *_secrets(world), *_keys(world), *_shadowed(world)]
    return tuple(dict.fromkeys(found))


def _routes(world: World, known: Known) -> Iterator[Dangling]:
    gateways = frozenset(f"{g.metadata.namespace}/{g.metadata.name}" for g in world.gateways)
    for vs in world.virtual_services.all:
        inputs = (vs, world.services, world.destination_rules, world.gateways, _delegates(world, vs))
        yield from known.get(vs.owner, inputs, partial(_of_virtual_service, world, vs, gateways))


def _of_virtual_service(world: World, vs: ResolvedVirtualService, gateways: frozenset[str]) -> tuple[Dangling, ...]:
    return (*_gateways(vs, gateways), *_targets(world, vs), *_missing_delegates(world, vs))


def _gateways(vs: ResolvedVirtualService, gateways: frozenset[str]) -> Iterator[Dangling]:
    for gateway in vs.spec.gateways:
        if gateway != MESH and gateway not in gateways:
            hint = "create it, or correct spec.gateways" + (f" (there are: {', '.join(sorted(gateways)[:5])})" if gateways else "")
            yield Dangling(vs.owner, "gateway", gateway, f"gateway {gateway} does not exist", hint)


def _targets(world: World, vs: ResolvedVirtualService) -> Iterator[Dangling]:
    for rule, route in enumerate(vs.spec.http):
        targets = [d.destination for d in route.route] + [m.destination for m in route.mirrors] + ([route.mirror] if route.mirror else [])
        for target in targets:
            yield from _target(world, vs, vs.rule("http", rule), target)
    own = {id(d) for r in vs.spec.http for d in (*(x.destination for x in r.route), *(m.destination for m in r.mirrors), r.mirror)}
    for target in destinations_of(vs.spec):
        if id(target) not in own:
            yield from _target(world, vs, vs.owner, target)


def _missing_delegates(world: World, vs: ResolvedVirtualService) -> Iterator[Dangling]:
    for name in _delegates(world, vs):
        yield Dangling(
            vs.owner, "delegate", name, f"delegate VirtualService {name} does not exist", "create it, or correct the delegate's name"
        )


def _target(world: World, vs: ResolvedVirtualService, owner: ObjectKey, target: Destination) -> Iterator[Dangling]:
    host = Host(target.host)
    service = world.services.named(host, vs.namespace)
    if service is None:
        if not is_wildcard(host):
            hint = (
                "declare a Service or ServiceEntry with this host, or correct the name: a short one means a Service of the same namespace"
            )
            yield Dangling(owner, "host", host, f"host {host} is not a service that namespace {vs.namespace} sees", hint)
        return
    if target.port and target.port.number and service.port(target.port.number) is None:
        hint = f"its ports: {', '.join(str(port.number) for port in service.ports) or 'none'}"
        yield Dangling(owner, "port", f"{host}:{target.port.number}", f"service {host} has no port {target.port.number}", hint)
    if target.subset:
        rule = world.destination_rules.find(vs.namespace, service.host, service.namespace, ())
        subsets = [subset.name for subset in rule.spec.subsets] if rule else []
        if target.subset not in subsets:
            hint = f"add it to a DestinationRule for the host, or correct the name (its subsets: {', '.join(subsets) or 'none'})"
            yield Dangling(owner, "subset", f"{host}|{target.subset}", f"no DestinationRule defines subset {target.subset} of {host}", hint)


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
                            "a gateway reads Secrets of its own namespace only",
                        )


def _keys(world: World) -> Iterator[Dangling]:
    """The keys of tokens are fetched by the workload's own proxy, which reaches services only."""
    for namespace, policies in world.policies.request_authentication.items():
        for policy in policies:
            for index, rule in enumerate(policy.spec.jwt_rules):
                name = urlsplit(rule.jwks_uri or "").hostname
                if not rule.jwks and name and world.services.named(Host(name), namespace) is None:
                    yield Dangling(
                        ObjectKey("RequestAuthentication", namespace, policy.metadata.name, rule=index),
                        "host",
                        name,
                        f"jwksUri: host {name} is not a service that namespace {namespace} sees: its keys can't be fetched, and its tokens are refused",
                        "declare a ServiceEntry for it, and a DestinationRule with tls mode SIMPLE where it is https; or write jwks",
                    )


def _router_namespaces(world: World, selector: dict[str, str]) -> frozenset[str]:
    """A router reads secrets of its own namespace only."""
    return frozenset(w.namespace for w in world.workloads.values() if selector and selector.items() <= w.labels.items())


def _shadowed(world: World) -> Iterator[Dangling]:
    """In the mesh only the oldest VirtualService of a host counts."""
    first: dict[str, list[ResolvedVirtualService]] = {}
    for vs in world.virtual_services.all:
        for host in vs.spec.hosts if MESH in vs.spec.gateways else ():
            for older in first.get(host, ()):
                if (
                    world.virtual_services.export_to[older.owner] >= world.virtual_services.export_to[vs.owner]
                    or "*" in world.virtual_services.export_to[older.owner]
                ):
                    text = f"{older.owner} is older and routes {host} in the mesh: this one is ignored there"
                    yield Dangling(vs.owner, "shadowed", host, text, "write both as one VirtualService")
                    break
            first.setdefault(host, []).append(vs)
