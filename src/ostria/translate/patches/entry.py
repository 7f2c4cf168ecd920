"""One patch, ready to be applied."""

from dataclasses import dataclass, field

from google.protobuf.message import Message

from ostria.api.meta import ObjectKey
from ostria.api.networking.envoy_filter import (
    ClusterMatch,
    EnvoyConfigObjectMatch,
    EnvoyConfigObjectPatch,
    FilterChainMatch,
    FilterMatch,
    ListenerMatch,
    RouteConfigurationMatch,
)

_NO_MATCH = EnvoyConfigObjectMatch()


@dataclass(slots=True, kw_only=True)
class Entry:
    owner: ObjectKey
    patch: EnvoyConfigObjectPatch
    operation: str
    value: Message
    used: bool = field(default=False)
    """Set when it changed something."""

    @property
    def place(self) -> str:
        return self.patch.apply_to or ""

    @property
    def _match(self) -> EnvoyConfigObjectMatch:
        return self.patch.match or _NO_MATCH

    @property
    def anywhere(self) -> bool:
        return self._match.context in (None, "ANY")

    @property
    def cluster(self) -> ClusterMatch | None:
        return self._match.cluster

    @property
    def listener(self) -> ListenerMatch | None:
        return self._match.listener

    @property
    def chain(self) -> FilterChainMatch | None:
        return self.listener.filter_chain if self.listener is not None else None

    @property
    def filter(self) -> FilterMatch | None:
        return self.chain.filter if self.chain is not None else None

    @property
    def sub_filter(self) -> str | None:
        """The HTTP filter to match; None if the patch names none."""
        chosen = self.filter.sub_filter if self.filter is not None else None
        return chosen.name or "" if chosen is not None else None

    @property
    def routes(self) -> RouteConfigurationMatch | None:
        return self._match.route_configuration

    def copy(self) -> Message:
        """A copy of the value: what goes into a resource may be changed by the next patch."""
        fresh = type(self.value)()
        fresh.CopyFrom(self.value)
        return fresh
