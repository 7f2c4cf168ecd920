"""Where a filter chain stands: what Istio calls the listener's class."""

from enum import Enum


class Side(Enum):
    OUTBOUND = "SIDECAR_OUTBOUND"
    INBOUND = "SIDECAR_INBOUND"
    GATEWAY = "GATEWAY"

    @property
    def is_server(self) -> bool:
        """Policies and logs for servers apply. A gateway is a client of what it routes to, as Istio counts it."""
        return self is Side.INBOUND
