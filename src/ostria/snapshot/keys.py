"""Which view a proxy sees: everything that makes two worlds differ, as one small key."""

from ostria.api.meta import ObjectKey
from ostria.snapshot import gateways
from ostria.snapshot.failover_labels import of_setting
from ostria.snapshot.policies import Who, key_of
from ostria.snapshot.proxies import matching_labels
from ostria.snapshot.references import References
from ostria.snapshot.selection import selects
from ostria.snapshot.view import Generator, Proxy, ProxyType, ViewKey
from ostria.snapshot.world import World

HOSTNAME = "kubernetes.io/hostname"

PROXY_PROTOCOL = "OSTRIA_PROXY_PROTOCOL"
"""Node metadata of a router behind a proxy that speaks the PROXY protocol, as the publisher of a mesh on one machine does."""


def view_key(world: World, proxy: Proxy, references: References) -> ViewKey:
    router = proxy.type is ProxyType.ROUTER
    who = Who(proxy.namespace, proxy.labels)
    sidecar = None if router else world.sidecars.of(proxy.namespace, proxy.labels)
    filters = world.policies.envoy_filters_of(who)
    services = world.fronts.get(proxy.workload.owner, ()) if router and proxy.workload else ()
    asked = world.virtual_services.labels | world.destination_rules.labels | frozenset(of_setting(world.mesh.config.locality_lb_setting))
    return ViewKey(
        type=proxy.type,
        namespace=proxy.namespace,
        generator=proxy.generator,
        sidecar=ObjectKey("Sidecar", sidecar.metadata.namespace, sidecar.metadata.name) if sidecar else None,
        gateways=gateways.selecting(world.gateways, proxy.labels) if router else (),
        gateway_ports=gateways.port_pairs(services, proxy.workload),
        patches=tuple(map(key_of, filters)),
        patch_answers=references.answers(filters, proxy),
        telemetries=tuple(map(key_of, world.policies.telemetry_of(who))),
        wasm_plugins=tuple(map(key_of, world.policies.wasm_plugins_of(who))),
        policies=_policies(world, who) if router else (),
        selected_rules=_selected_rules(world, who),
        labels=matching_labels(proxy.labels, asked),
        locality=proxy.locality,
        network=proxy.network,
        node=proxy.node if world.services.by_node or HOSTNAME in asked else "",
        ipv4=any(":" not in address for address in proxy.addresses),
        ipv6=any(":" in address for address in proxy.addresses),
        dns_capture=proxy.dns_capture,
        dns_auto_allocate=proxy.dns_auto_allocate,
        captured=proxy.captured,
        http_proxy_port=proxy.http_proxy_port,
        outbound_mark=proxy.outbound_mark,
        vhds=proxy.vhds and not router and proxy.generator is Generator.ENVOY,
        on_demand=proxy.on_demand and proxy.vhds and not router and proxy.generator is Generator.ENVOY,
        proxy_protocol=router and proxy.metadata.get(PROXY_PROTOCOL) in (True, "true"),
    )


def _policies(world: World, who: Who) -> tuple[ObjectKey, ...]:
    return tuple(map(key_of, (*world.policies.authorization_of(who), *world.policies.request_authentication_of(who))))


def _selected_rules(world: World, who: Who) -> tuple[ObjectKey, ...]:
    own = world.destination_rules.selecting.get(who.namespace, ())
    return tuple(rule.owners[0] for rule in own if selects(rule.spec.workload_selector, who.labels))
