"""Listeners of a view, and of one workload's inbound side."""

from collections.abc import Iterable, Iterator
from functools import partial

from ostria.api.meta import ObjectKey
from ostria.snapshot.view import Inbound, View
from ostria.translate import listeners, names
from ostria.translate.assembly.added import added
from ostria.translate.assembly.shelf import Item, Shelf
from ostria.translate.listeners.key import GatewayKey, InboundPortKey, ListenerKey, OutboundKey, VirtualInboundKey, VirtualOutboundKey
from ostria.translate.names import LDS
from ostria.translate.patches import Patches
from ostria.translate.workshop import Workshop


class ListenerAssembly:
    def __init__(self, workshop: Workshop) -> None:
        self.listeners = Shelf(LDS)
        self._workshop = workshop

    def renew(self, view: View, patches: Patches | None) -> None:
        self.listeners.fill((*self._items(listeners.keys(view), patches), *added(self._workshop, LDS, patches)))

    def renew_inbound(self, inbound: Inbound, patches: Patches | None) -> None:
        self.listeners.fill((*self._items(listeners.inbound_keys(inbound), patches), *added(self._workshop, LDS, patches)))

    def _items(self, keys: Iterable[ListenerKey], patches: Patches | None) -> Iterator[Item]:
        for key in keys:
            outcome = self._workshop.make(LDS, key, partial(listeners.build, key), patches)
            yield Item(name_of(key), outcome, _origins(key))


def name_of(key: ListenerKey) -> str:
    match key:
        case VirtualOutboundKey():
            return names.VIRTUAL_OUTBOUND
        case VirtualInboundKey():
            return names.VIRTUAL_INBOUND
        case InboundPortKey():
            return names.listener(key.addresses[0] if key.addresses else "", key.port.target)
        case OutboundKey() | GatewayKey():
            return key.name


def _origins(key: ListenerKey) -> tuple[ObjectKey, ...]:
    return key.origins if isinstance(key, OutboundKey | GatewayKey) else ()
