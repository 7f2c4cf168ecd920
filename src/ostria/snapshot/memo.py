"""Results that are kept while what they were made of stays the same."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class Memo(Generic[T]):
    """One result per key. `size` bounds it: the entries that were asked for longest ago go first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[Hashable, tuple[tuple[object, ...], T]] = {}

    def get(self, key: Hashable, inputs: tuple[object, ...], make: Callable[[], T]) -> T:
        """The known result while `inputs` are equal to those that it was made of (objects of one content are one object), else a new one.

        One that comes out as before is the one before, so that whatever is made of it stays too.
        """
        held = self._held.pop(key, None)
        if held is None:
            held = (inputs, make())
        elif held[0] != inputs:
            made = make()
            held = (inputs, held[1] if held[1] == made else made)
        self._held[key] = held
        if len(self._held) > self._size:
            del self._held[next(iter(self._held))]
        return held[1]


class Interned:
    """One object for all that are equal. `size` bounds it, as above."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[Hashable, Hashable] = {}

    def __call__(self, item: T) -> T:
        key = cast("Hashable", item)
        held = self._held.pop(key, key)
        self._held[held] = held
        if len(self._held) > self._size:
            del self._held[next(iter(self._held))]
        return cast("T", held)
