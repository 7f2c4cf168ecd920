"""What a starting and running mesh says to whoever started it: one JSON object a line, on the descriptor it was given."""

import contextlib
import json
import os
from typing import Any


class Announcements:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ready: set[str] = set()

    def tell(self, **news: Any) -> None:
        with contextlib.suppress(OSError):  # who started a detached mesh has gone
            os.write(self._descriptor, json.dumps(news).encode() + b"\n")

    def ready(self, namespace: str, name: str) -> None:
        """Said once for each pod."""
        if (said := f"{name} is ready ({namespace})") not in self._ready:
            self._ready.add(said)
            self.tell(say=said)
