"""The agent's HTTP pages on 15020, and the same on its Unix socket for the supervisor, who has no place in the workload's network.

Anyone may ask for readiness, metrics and probes. What changes something or tells names needs a caller on loopback; Envoy's admin pages are passed on to
the socket's owner alone.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ostria.agent import probes
from ostria.agent.http_client import HttpError, Request, Target, fetch
from ostria.agent.http_server import Reply, ServerRequest
from ostria.agent.name_table import Table
from ostria.agent.probes_table import Probe
from ostria.agent.readiness import NotReady, Readiness
from ostria.agent.scrape import Scrape

_ENVOY: Final = "/envoy/"
_MAX_ADMIN: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    readiness: Readiness
    scrape: Scrape
    probes: Mapping[str, Probe]
    app: str
    """Address that probes are sent to: the pod's own."""
    quit: Callable[[], None]
    drain: Callable[[], Awaitable[None]]
    names: Callable[[], Table]
    on_ready: Callable[[], None] = lambda: None

    async def handle(self, request: ServerRequest) -> Reply:
        match request.path:
            case "/healthz/ready":
                return await self._ready()
            case "/stats/prometheus":
                return await self.scrape.reply(request.headers)
            case "/quitquitquit" | "/drain":
                return await self._end(request)
            case "/debug/ndsz":
                return self._names(request)
            case path if path in self.probes:
                return await probes.run(self.probes[path], self.app, request.headers)
            case path if path.startswith(_ENVOY) and request.socket:
                return await self._envoy(request)
            case _:
                return Reply(status=404, body=b"not found\n")

    async def _ready(self) -> Reply:
        try:
            await self.readiness.check()
        except NotReady as reason:
            return Reply(status=503, body=f"{reason}\n".encode())
        self.on_ready()
        return Reply(body=b"")

    async def _end(self, request: ServerRequest) -> Reply:
        if not request.local:
            return Reply(status=403, body=b"only from this machine\n")
        if request.method != "POST":
            return Reply(status=405, body=b"method not allowed\n", headers=(("Allow", "POST"),))
        if request.path == "/drain":
            await self.drain()
        else:
            self.quit()
        return Reply(body=b"OK\n")

    def _names(self, request: ServerRequest) -> Reply:
        if not request.local:
            return Reply(status=403, body=b"only from this machine\n")
        table = {
            host: {"ips": name.addresses, "registry": name.registry, "shortname": name.short_name, "namespace": name.namespace}
            for host, name in sorted(self.names().items())
        }
        return Reply(body=json.dumps({"table": table}, indent=2).encode() + b"\n", content_type="application/json")

    async def _envoy(self, request: ServerRequest) -> Reply:
        """One of Envoy's admin pages, as it is: `/envoy/config_dump?resource=…`."""
        path = "/" + request.target.removeprefix(_ENVOY)
        try:
            async with fetch(Request(target=self.readiness.admin, path=path, method=request.method, timeout=10.0)) as response:
                body = await response.read(_MAX_ADMIN)
                return Reply(status=response.status, body=body, content_type=response.header("content-type") or "text/plain")
        except HttpError as error:
            return Reply(status=502, body=f"Envoy: {error}\n".encode())


def loopback(port: int, *, ipv4: bool = True) -> Target:
    return Target(host="127.0.0.1" if ipv4 else "::1", port=port)
