"""How much one peer may ask for. A peer beyond a limit loses its own stream, or waits; nobody else notices."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    request_bytes: int = 4 << 20
    node_bytes: int = 256 << 10
    names: int = 50_000
    """Per type on one stream."""
    types: int = 32
    error_length: int = 64 << 10
    """Characters of a refusal that are read."""
    streams_per_proxy: int = 8
    requests_per_second: float = 200.0
    request_burst: float = 2_000.0
    write_seconds: float = 60.0
    """A proxy that reads nothing for so long is dropped."""
    patience_seconds: float = 2.0
    """How long additions wait for the acknowledgement of the clusters that they name."""
    bytes_in_flight: int = 16 << 20
    """In large responses to all proxies together; each byte is in memory twice, here and in gRPC."""
    slow_bytes_in_flight: int = 16 << 20
    large_bytes: int = 64 << 10
    """Smaller responses don't wait for room."""
    prompt_seconds: float = 2.0
    """A large response gives its room back after this time, read or not: slow proxies must not hold back the others."""
    slow_seconds: float = 8.0
    """After these too, it is dropped when other slow ones wait."""


class Pace:
    """A token bucket: says how long to wait before the next request is looked at."""

    __slots__ = ("_burst", "_rate", "_tokens", "_when")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._tokens, self._when = rate, burst, burst, now

    def delay(self, now: float) -> float:
        self._tokens = min(self._burst, self._tokens + (now - self._when) * self._rate) - 1
        self._when = now
        return max(0.0, -self._tokens / self._rate)
