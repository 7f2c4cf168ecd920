"""Merged metrics: the agent's own, Envoy's, and the app's last, streamed as they come.

The app's come last because an OpenMetrics answer ends with `# EOF`. A part that fails is left out and counted; the others are still served.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from typing import Final

from ostria.agent.http_client import HttpError, Request, Response, Target, fetch
from ostria.agent.http_server import Reply
from ostria.agent.metrics import Metrics
from ostria.agent.scrape_target import AppMetrics

log = logging.getLogger(__name__)

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS: Final = "application/openmetrics-text"
_FORWARDED: Final = ("accept", "user-agent", "x-prometheus-scrape-timeout-seconds")
_LARGEST: Final = 256 << 20
_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    metrics: Metrics
    envoy: Target
    """Envoy's admin page."""
    app: AppMetrics | None
    app_host: str = "127.0.0.1"
    before: Callable[[], None] = lambda: None
    """Called before each scrape: refreshes gauges that nothing else would."""

    async def reply(self, headers: Mapping[str, str]) -> Reply:
        """The app is asked first, because its choice of format is the answer's; it is read last."""
        self.metrics.count("scrapes_total")
        opened = AsyncExitStack()
        try:
            app = await self._ask_app(opened, headers)
        except BaseException:
            await opened.aclose()
            raise
        said = app.header("content-type") if app else ""
        return Reply(chunks=self._chunks(opened, app), content_type=said if said.startswith(_OPENMETRICS) else TEXT)

    async def _ask_app(self, opened: AsyncExitStack, headers: Mapping[str, str]) -> Response | None:
        if self.app is None:
            return None
        forwarded = tuple((name, headers[name]) for name in _FORWARDED if name in headers)
        target = Target(host=self.app_host, port=self.app.port)
        try:
            request = Request(target=target, path=self.app.path, headers=forwarded, timeout=_timeout(headers))
            response = await opened.enter_async_context(fetch(request))
            if response.status != 200:
                raise HttpError(f"status {response.status}")
        except HttpError as error:
            self._failed("application", error)
            return None
        return response

    async def _chunks(self, opened: AsyncExitStack, app: Response | None) -> AsyncGenerator[bytes, None]:
        try:
            self.before()
            yield self.metrics.expose()
            async with aclosing(self._envoy()) as envoy:
                async for chunk in envoy:
                    yield chunk
            if app is not None:
                async with aclosing(_whole_lines(app.chunks)) as lines:
                    async for chunk in lines:
                        yield chunk
        except HttpError as error:
            self._failed("application", error)
        finally:
            with suppress(HttpError):
                await opened.aclose()

    async def _envoy(self) -> AsyncGenerator[bytes, None]:
        try:
            async with (
                fetch(Request(target=self.envoy, path="/stats/prometheus", timeout=_TIMEOUT)) as response,
                aclosing(_whole_lines(response.chunks)) as lines,
            ):
                async for chunk in lines:
                    yield chunk
        except HttpError as error:
            self._failed("envoy", error)

    def _failed(self, kind: str, error: HttpError) -> None:
        self.metrics.count("scrape_failures_total", type=kind)
        log.debug("metrics of %s: %s", kind, error)


async def _whole_lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """End with a line break, whatever came, so that the next part starts on a line of its own; at most `_LARGEST` bytes."""
    size, last = 0, b""
    async for chunk in chunks:
        size += len(chunk)
        if size > _LARGEST:
            break
        last = chunk or last
        yield chunk
    if last and not last.endswith(b"\n"):
        yield b"\n"


def _timeout(headers: Mapping[str, str]) -> float:
    """What Prometheus says it waits, if that is shorter than our own limit."""
    try:
        return min(_TIMEOUT, max(0.1, float(headers["x-prometheus-scrape-timeout-seconds"])))
    except (KeyError, ValueError):
        return _TIMEOUT
