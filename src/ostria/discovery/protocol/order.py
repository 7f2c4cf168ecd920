"""The order of types within a push, and what holds a removal back: make before break, in one table.

Envoy acts on each response as it comes. A route to a cluster that isn't there yet answers 503, so clusters and their endpoints go first, then the
listeners and routes that name them. What nothing names any more goes last, in the opposite order, and only when the proxy has acknowledged the
resources that stopped naming it.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from ostria.translate.names import CDS, ECDS, EDS, LDS, NDS, RDS, SDS, VHDS


class Turn(Enum):
    """Types in the order in which one push sends them."""

    CLUSTERS = CDS
    ENDPOINTS = EDS
    LISTENERS = LDS
    ROUTES = RDS
    VIRTUAL_HOSTS = VHDS
    """Delivered apart from their route configurations to proxies that take them so; without the configuration Envoy drops them unsaid."""
    SECRETS = SDS
    """Asked for by name after the listener or cluster that needs them; nothing waits for them here but their own resource."""
    EXTENSIONS = ECDS
    NAMES = NDS


_TURNS: Final[Mapping[str, int]] = {turn.value: position for position, turn in enumerate(Turn)}


def turn(type_url: str) -> tuple[int, str]:
    """Sort key; types that no turn is known for come last."""
    return _TURNS.get(type_url, len(_TURNS)), type_url


AFTER: Final[Mapping[str, tuple[str, ...]]] = {LDS: (CDS,), RDS: (CDS,), VHDS: (CDS,)}
"""Additions and changes of a type wait until these are acknowledged, and the endpoints of clusters that they bring. Virtual hosts follow the route
configuration that they belong to without waiting for its acknowledgement; see `virtual_hosts`."""

NAMED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    CDS: (LDS, RDS, VHDS),
    EDS: (CDS,),
    RDS: (LDS,),
    SDS: (LDS, CDS),
}
"""Removals of a type wait until these are acknowledged."""

WHOLE: Final = frozenset({LDS, CDS})
"""State of the world: a response holds everything of these types, so that absence means removal."""

IMPLICIT_WILDCARD: Final = frozenset({LDS, CDS, NDS})
"""Types for which a first request without names asks for everything (the older of the two ways to say so)."""

NEVER_REMOVED: Final = frozenset({ECDS})
"""Envoy drops an extension by itself when the last filter that names it is gone; told earlier, it breaks live filters (envoy#32823)."""
