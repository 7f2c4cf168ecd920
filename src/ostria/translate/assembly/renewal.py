"""When to make something again: when a view has other inputs than the one that it was made for."""

from collections.abc import Callable

from ostria.snapshot.view import View


class Renewal:
    """`made_of` tells what a view gives, in parts that are one object per content."""

    def __init__(self, made_of: Callable[[View], tuple[object, ...]]) -> None:
        self._made_of = made_of
        self._inputs: tuple[object, ...] | None = None
        self._view: View | None = None

    def __call__(self, view: View, make: Callable[[], None]) -> None:
        if self._view is view:
            return
        now = self._made_of(view)
        if self._inputs != now:
            make()
            self._inputs = now
        self._view = view
