"""The end of an Envoy: close to new connections, let those in flight finish, never longer than asked.

Only the inbound side of a sidecar drains: its app may still call others while it shuts down.
"""

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from typing import Final

from ostria.agent.http_client import HttpError, Target, get, post

log = logging.getLogger(__name__)

_OWN: Final = ("listener.admin.", "listener.0.0.0.0_15021.", "listener.0.0.0.0_15090.", "listener.[__]_15021.", "listener.[__]_15090.")
"""Probes and scrapes hold connections too; nobody waits for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainSettings:
    """Seconds: at least `minimum` (callers learn that the endpoint is gone), at most `maximum` (`terminationDrainDuration`)."""

    admin: Target
    inbound_only: bool = True
    minimum: float = 0.0
    maximum: float = 5.0
    interval: float = 0.25


async def drain(settings: DrainSettings) -> bool:
    """Begin to drain and wait; true when no connection was left. An Envoy that does not answer is not waited for."""
    began = time.monotonic()
    if not await begin(settings):
        return False
    await asyncio.sleep(min(settings.minimum, settings.maximum))
    while time.monotonic() - began < settings.maximum:
        active = await active_connections(settings.admin)
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


async def active_connections(admin: Target) -> int | None:
    """Downstream connections that matter; None when Envoy does not say."""
    try:
        status, body = await get(admin, "/stats?usedonly&format=json&filter=downstream_cx_active$")
        return sum(_active(json.loads(body))) if status == 200 else None
    except (HttpError, ValueError):
        return None


def _active(document: dict[str, list[dict[str, object]]]) -> list[int]:
    named = ((str(stat.get("name", "")), stat.get("value")) for stat in document.get("stats", []))
    return [
        value
        for name, value in named
        if isinstance(value, int) and name.startswith("listener.") and ".worker_" not in name and not name.startswith(_OWN)
    ]
