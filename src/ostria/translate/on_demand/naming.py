"""Read off finished messages which clusters of services they lead to, and which domains a virtual host has.

Messages are read as they will be sent, so what an EnvoyFilter brought in counts like everything else: a rate limit service, a logger, a mirror. Not
counted are the destinations of a TCP proxy that asks for them itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from weakref import WeakKeyDictionary

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ostria.translate.names import ECDS, LDS, RDS, VHDS, is_outbound
from ostria.translate.prepared import Prepared

_MESSAGES: Final[Mapping[str, type[Message]]] = {VHDS: VirtualHost, RDS: RouteConfiguration, LDS: Listener, ECDS: TypedExtensionConfig}
_DESTINATIONS: Final = frozenset({"cluster", "weighted_clusters", "stat_prefix"})
"""Fields of a TCP proxy."""


class Naming:
    """What was read is remembered as long as the resource lives. Asked from two threads: each look-up is one step, and both would read the same."""

    def __init__(self) -> None:
        self._domains: WeakKeyDictionary[Prepared, tuple[str, ...]] = WeakKeyDictionary()
        self._clusters: WeakKeyDictionary[Prepared, frozenset[str]] = WeakKeyDictionary()

    def domains(self, host: Prepared) -> tuple[str, ...]:
        found = self._domains.get(host)
        if found is None:
            found = self._domains[host] = tuple(VirtualHost.FromString(host.body).domains)
        return found

    def clusters(self, prepared: Prepared, type_url: str) -> frozenset[str]:
        found = self._clusters.get(prepared)
        if found is None:
            found = self._clusters[prepared] = frozenset(clusters_in(_MESSAGES[type_url].FromString(prepared.body)))
        return found

    def clusters_of(self, content: Mapping[str, Prepared], type_url: str) -> Iterator[str]:
        for each in content.values():
            yield from self.clusters(each, type_url)


def clusters_in(message: Message) -> Iterator[str]:
    """Every string in the message, however deep, that is the name of a service's cluster."""
    if isinstance(message, Any):
        if (inner := _unpacked(message)) is not None:
            yield from clusters_in(inner)
        return
    asked_for = _DESTINATIONS if isinstance(message, TcpProxy) and message.HasField("on_demand") else frozenset()
    for field, value in message.ListFields():
        if field.name in asked_for:
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for each in _messages(value):
                yield from clusters_in(each)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield from (each for each in ((value,) if isinstance(value, str) else value) if is_outbound(each))


def _messages(value: object) -> Iterator[Message]:
    """Of a field that holds one, several, or a map to them."""
    if isinstance(value, Message):
        yield value
    elif isinstance(value, Mapping):
        yield from (each for each in value.values() if isinstance(each, Message))
    elif isinstance(value, Iterable):
        yield from value


def _unpacked(packed: Any) -> Message | None:
    """None for a type that no module here describes: nobody could have built it here either."""
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
    except KeyError:
        return None
    message: Message = message_factory.GetMessageClass(descriptor)()
    return message if packed.Unpack(message) else None
