"""What is wrong with the mesh, in the control plane's log: each thing once, when it is new, and a while after the change that brought it.

A reader of the log learns why a route answers 503 without asking anybody; a burst of changes costs one look.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from ostria.api.meta import ObjectKey
from ostria.api.problem import Problem
from ostria.snapshot.dangling import Dangling

log = logging.getLogger(__name__)

_CALM = 0.3
"""Seconds after a change: nobody waits for the log, and proxies are served first."""


class News:
    """Lives in the world's thread. `problems` and `lost` tell what is wrong now."""

    def __init__(
        self, problems: Callable[[], Iterable[Problem]], lost: Callable[[], Iterable[Dangling]], locate: Callable[[ObjectKey], str]
    ) -> None:
        self._problems, self._lost, self._locate = problems, lost, locate
        self._changed = asyncio.Event()
        self._changed.set()
        self._said: frozenset[str] = frozenset()

    def changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_CALM)
            self._changed.clear()
            self.tell()

    def tell(self) -> None:
        now = (*map(str, self._problems()), *map(self._about, self._lost()))
        for text in now:
            if text not in self._said:
                log.warning("%s", text)
        self._said = frozenset(now)

    def _about(self, found: Dangling) -> str:
        at = self._locate(found.owner._replace(rule=None))
        rule = "" if found.owner.rule is None else f"rule {found.owner.rule}: "
        hint = f" (hint: {found.hint})" if found.hint else ""
        return ": ".join(part for part in (at, str(found.owner), f"{rule}{found.text}{hint}") if part)
