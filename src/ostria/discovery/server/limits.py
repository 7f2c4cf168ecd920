"""How much one peer may ask for. A peer beyond a limit loses its own stream, or waits; nobody else notices."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    request_bytes: int = 4 << 20
    node_bytes: int = 256 << 10
    names: int = 50_000
    """Per type on one stream."""
    types: int = 32
    streams_per_proxy: int = 8
    requests_per_second: float = 200.0
    request_burst: float = 2_000.0
    write_seconds: float = 60.0
    """A proxy that reads nothing for so long is dropped."""
    patience_seconds: float = 2.0
    """How long additions wait for the acknowledgement of the clusters that they name."""
    concurrent_large_writes: int = 16
    concurrent_slow_writes: int = 8
    large_bytes: int = 64 << 10
    slot_seconds: float = 1.0
    """A large write gives its slot back after this time, done or not: slow proxies must not hold back the others."""


class Pace:
    """A token bucket: says how long to wait before the next request is looked at."""

    __slots__ = ("_burst", "_rate", "_tokens", "_when")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._tokens, self._when = rate, burst, burst, now

    def delay(self, now: float) -> float:
        self._tokens = min(self._burst, self._tokens + (now - self._when) * self._rate) - 1
        self._when = now
        return max(0.0, -self._tokens / self._rate)
