"""Who caused each push, and what it cost: the last few of them, for `/debug/pushes` and `ostria x pushes`.

A push is begun in the world's thread with its causes, and counted in the event loop while proxies are told: each number has one writer, so nothing needs
a lock. A proxy that was still busy with an older world when two more came is told of the newest only: all that it is sent then counts there.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ostria.api.meta import ObjectKey
from ostria.config.store import Change
from ostria.discovery.protocol.requests import Response

_KEPT = 100
_CAUSES = 20
"""Of a push that many objects caused, so many are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    object: ObjectKey
    event: str
    at: str
    """`file:line`; of an object that is gone, where it stood."""


@dataclass(slots=True, kw_only=True)
class Sent:
    responses: int = 0
    resources: int = 0
    removed: int = 0
    bytes: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Push:
    """`began` is when its first change was heard (monotonic seconds); `built_before`: resources built until then, by type URL."""

    version: str
    time: float
    began: float
    causes: tuple[Cause, ...]
    changes: int
    mesh_changed: bool
    snapshot_seconds: float
    built_before: Mapping[str, int]
    translate_seconds: float = 0.0
    sent: dict[str, Sent] = field(default_factory=dict)
    proxies: int = 0
    refused: int = 0
    unanswered: int = 0
    last_answer: float | None = None


class Pushes:
    """The ledger. `builds` says how many resources were built so far, by type URL."""

    def __init__(self, builds: Callable[[], Mapping[str, int]] = dict) -> None:
        self._builds = builds
        self._kept: OrderedDict[str, Push] = OrderedDict()

    def begin(self, version: str, changes: tuple[Change, ...], *, mesh_changed: bool, began: float | None, snapshot_seconds: float) -> None:
        """The world of this version is what proxies are told next; nothing of it is built yet."""
        self._kept.pop(version, None)
        self._kept[version] = Push(
            version=version,
            time=time.time(),
            began=time.monotonic() if began is None else began,
            causes=tuple(map(_cause, changes[:_CAUSES])),
            changes=len(changes),
            mesh_changed=mesh_changed,
            snapshot_seconds=snapshot_seconds,
            built_before=dict(self._builds()),
        )
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def of(self, version: str) -> Push | None:
        return self._kept.get(version)

    def __iter__(self) -> Iterator[tuple[Push, Mapping[str, int]]]:
        """Newest first, each with what was built between it and the next one, by type URL."""
        after = dict(self._builds())
        for push in reversed(self._kept.copy().values()):
            yield push, {kind: count for kind, total in after.items() if (count := total - push.built_before.get(kind, 0))}
            after = dict(push.built_before)


class Share:
    """One proxy's part in pushes."""

    __slots__ = ("_counted", "_flights", "_news", "_push")

    def __init__(self) -> None:
        self._push: Push | None = None
        self._news: tuple[str, ...] = ()
        self._flights: dict[str, tuple[str, Push]] = {}
        self._counted = False

    def enter(self, push: Push | None, types: Iterable[str]) -> None:
        """From now on the proxy is told of this push's world. What it is sent of other types than these answers its own first question, and is not news."""
        self._push, self._news, self._counted = push, tuple(types), False

    def sent(self, response: Response) -> None:
        push = self._push
        if push is None or response.type_url not in self._news:
            return
        if not self._counted:
            self._counted = True
            push.proxies += 1
        count = push.sent.setdefault(response.type_url, Sent())
        count.responses += 1
        count.resources += response.resources
        count.removed += response.removed
        count.bytes += response.size
        push.unanswered += 1
        self._flights[response.type_url] = (response.nonce, push)

    def answered(self, type_url: str, nonce: str, now: float, *, refused: bool) -> None:
        flight = self._flights.get(type_url)
        if flight is not None and flight[0] == nonce:
            push = self._flights.pop(type_url)[1]
            push.unanswered -= 1
            push.refused += refused
            push.last_answer = now

    def close(self) -> None:
        """The proxy is gone, and answers nothing any more."""
        for _, push in self._flights.values():
            push.unanswered -= 1
        self._flights.clear()


def _cause(change: Change) -> Cause:
    event = "added" if change.old is None else "deleted" if change.new is None else "changed"
    stored = change.new or change.old
    return Cause(object=change.key, event=event, at=f"{stored.origin.path}:{stored.origin.line}" if stored else "")
