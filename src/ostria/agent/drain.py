"""The end of an Envoy: close to new connections, let those in flight finish, never longer than asked.

Only the inbound side of a sidecar drains: its app may still call others while it shuts down.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ostria.agent.http_client import HttpError, Target, get, post

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainSettings:
    """Seconds: at least `minimum` (callers learn that the endpoint is gone), at most `maximum` (`terminationDrainDuration`)."""

    admin: Target
    inbound_only: bool = True
    minimum: float = 0.0
    maximum: float = 5.0
    interval: float = 0.25
    own_ports: tuple[int, ...] = (15021, 15090)
    """Static listeners: probes and scrapes hold connections too, and nobody waits for them."""


async def drain(settings: DrainSettings) -> bool:
    """Begin to drain and wait; true when no connection was left. An Envoy that does not answer is not waited for."""
    began = time.monotonic()
    if not await begin(settings):
        return False
    await asyncio.sleep(min(settings.minimum, settings.maximum))
    while time.monotonic() - began < settings.maximum:
        active = await active_connections(settings.admin, settings.own_ports)
        if active is None or active == 0:
            return active == 0
        await asyncio.sleep(settings.interval)
    return False


async def begin(settings: DrainSettings) -> bool:
    path = "/drain_listeners?graceful&skip_exit" + ("&inboundonly" if settings.inbound_only else "")
    try:
        status, body = await post(settings.admin, path)
    except HttpError as error:
        log.warning("Envoy does not drain: %s", error)
        return False
    if status != 200:
        log.warning("Envoy does not drain: %d %s", status, body.decode(errors="replace").strip())
    return status == 200


async def active_connections(admin: Target, own_ports: Sequence[int]) -> int | None:
    """Downstream connections that matter; None when Envoy does not say."""
    try:
        status, body = await get(admin, "/stats?usedonly&format=json&filter=downstream_cx_active$")
        return _active(json.loads(body), own_ports) if status == 200 else None
    except (HttpError, ValueError):
        return None


def _active(document: dict[str, list[dict[str, object]]], own_ports: Sequence[int]) -> int:
    """Listeners' totals: a statistic has a total and one value per worker, and Envoy's admin listener is no one's traffic."""
    own = tuple(f"_{port}" for port in own_ports)
    total = 0
    for stat in document.get("stats", []):
        name, value = str(stat.get("name", "")), stat.get("value")
        address = name.removeprefix("listener.").removesuffix(".downstream_cx_active")
        is_listener = name.startswith("listener.") and address != "admin" and ".worker_" not in name and ".main_thread" not in name
        if is_listener and not address.endswith(own) and isinstance(value, int):
            total += value
    return total
