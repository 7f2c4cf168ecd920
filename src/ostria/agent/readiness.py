"""Whether Envoy is ready: alive, its workers started, clusters and listeners received once. Afterwards only alive counts.

A rejected first configuration counts as received: the proxy has heard from the control plane, and waiting longer would not help the app.
"""

import re
from dataclasses import dataclass
from typing import Final

from ostria.agent.http_client import HttpError, Target, get

_FILTER: Final = (
    r"^(cluster_manager\.cds\.(update_success|update_rejected)|listener_manager\.lds\.(update_success|update_rejected)"
    r"|server\.state|listener_manager\.workers_started)$"
)
_STAT: Final = re.compile(r"([a-z_.]+): (\d+)")
_LIVE: Final = 0


class NotReady(Exception):
    """Why Envoy is not ready, in words for the probe's answer."""


@dataclass(slots=True, kw_only=True)
class Readiness:
    admin: Target
    draining: bool = False
    _configured: bool = False

    async def check(self) -> None:
        """Raise NotReady unless Envoy is ready."""
        if self.draining:
            raise NotReady("the proxy is draining")
        stats = await self._stats()
        if not self._configured:
            self._check_configured(stats)
        if stats.get("server.state") != _LIVE:
            raise NotReady("Envoy is not live")
        if not stats.get("listener_manager.workers_started"):
            raise NotReady("Envoy's workers have not started")
        self._configured = True

    def envoy_restarted(self) -> None:
        """A new Envoy starts with nothing."""
        self._configured = False

    async def _stats(self) -> dict[str, int]:
        try:
            status, body = await get(self.admin, f"/stats?usedonly&filter={_FILTER}", timeout=2.0)
        except HttpError as error:
            raise NotReady(f"Envoy's admin page does not answer: {error}") from None
        if status != 200:
            raise NotReady(f"Envoy's admin page answers {status}")
        return {match[1]: int(match[2]) for match in _STAT.finditer(body.decode("utf-8", errors="replace"))}

    def _check_configured(self, stats: dict[str, int]) -> None:
        clusters = any(stats.get(f"cluster_manager.cds.{name}") for name in ("update_success", "update_rejected"))
        listeners = any(stats.get(f"listener_manager.lds.{name}") for name in ("update_success", "update_rejected"))
        missing = [what for what, found in (("clusters", clusters), ("listeners", listeners)) if not found]
        if missing:
            raise NotReady(f"Envoy has not received {' and '.join(missing)} from the control plane")
