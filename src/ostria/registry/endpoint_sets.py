"""Endpoint sets and their versions: equal content, equal version, in every process."""

from collections.abc import Iterable
from hashlib import blake2b

from ostria.registry.model import Endpoint, EndpointSet, Host, Port


def build(host: Host, port: Port, endpoints: Iterable[Endpoint]) -> EndpointSet:
    """Order is by address and port, whatever the order of the objects; an endpoint that several objects name counts once."""
    by_address = {(e.address, e.port): e for e in endpoints}
    ordered = tuple(by_address[key] for key in sorted(by_address))
    content = repr((host, _port(port), [_content(e) for e in ordered]))
    return EndpointSet(
        host=host,
        port=port,
        endpoints=ordered,
        accounts=frozenset(e.service_account for e in ordered if e.service_account),
        version=blake2b(content.encode(), digest_size=8).hexdigest(),
    )


def _port(port: Port) -> tuple[object, ...]:
    return (port.name, port.number, port.protocol.value, port.target)


def _content(endpoint: Endpoint) -> tuple[object, ...]:
    e, w = endpoint, endpoint.workload
    who = (w.workload_name, w.workload_type, w.namespace, w.canonical_service, w.canonical_revision, w.cluster) if w is not None else ()
    return (
        *(e.address, e.port, sorted(e.labels.items()), e.service_account, e.tls_mode.value, e.health.value),
        *(tuple(e.locality), e.network, e.weight, e.hostname, e.node, who),
    )
