"""Where keys become bytes, once: built, patched, serialized, and kept as long as any proxy uses them.

What is kept is found by key and patches; nobody throws it away, it goes when the last set of resources that holds it goes. Where ever new keys come to
the content that is there already (a subset that stays empty, whatever its service's endpoints do), the last few of them are known: a content that
lives long must not collect all keys that ever led to it. A builder that fails harms its own resource only: the failure is a result like any other,
with the objects that it came from.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from weakref import WeakKeyDictionary, WeakValueDictionary

from google.protobuf.message import Message

from ostria.api.meta import ObjectKey
from ostria.translate.built import Built
from ostria.translate.patches import Patches
from ostria.translate.prepared import Prepared, prepare

_FURTHER_KEYS = 8
"""Of one content, besides the first. A key that is forgotten costs a build when somebody comes with it again."""

Tamper = Callable[[str, Message], Message]
"""For tests: spoil the resource of a name before it is serialized."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Failed:
    """A resource that could not be built."""

    words: str
    origins: tuple[ObjectKey, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Removed:
    """A resource that a patch took away."""


Outcome = Prepared | Failed | Removed


class Workshop:
    def __init__(self, tamper: Tamper | None = None) -> None:
        self.builds: Counter[str] = Counter()
        """How often something of a type was built, by type URL: tests prove by it that a change builds only what it touches."""
        self._made: WeakValueDictionary[Hashable, Outcome] = WeakValueDictionary()
        self._contents: WeakValueDictionary[Hashable, Prepared] = WeakValueDictionary()
        self._further: WeakKeyDictionary[Outcome, deque[Hashable]] = WeakKeyDictionary()
        """Keys that came to a content which another key had led to before."""
        self._tamper = tamper

    def make(self, type_url: str, key: Hashable, build: Callable[[], Built], patches: Patches | None = None) -> Outcome:
        """What `key` comes to under `patches`; built only if nobody holds it already."""
        at = (type_url, key, patches)
        found = self._made.get(at)
        if found is None:
            made = self._build(type_url, build, patches)
            found = self.intern(type_url, made) if isinstance(made, Prepared) else made
            if found is not made:
                self._join(at, found)
            self._made[at] = found
        return found

    def intern(self, type_url: str, prepared: Prepared) -> Prepared:
        """The one object for equal content, so that views that come to the same bytes share them."""
        return self._contents.setdefault((type_url, prepared.name, prepared.version, prepared.origins), prepared)

    def _build(self, type_url: str, build: Callable[[], Built], patches: Patches | None) -> Outcome:
        self.builds[type_url] += 1
        try:
            built = build()
        except Exception as error:  # Whatever a builder trips over, its neighbours must be served.
            return Failed(f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error))
        message, origins = built.message, built.origins
        if patches is not None:
            patched = patches.apply(message)
            if patched is None:
                return Removed()
            message, origins = patched.message, (*origins, *patched.origins)
        if self._tamper is not None:
            message = self._tamper(built.name, message)
        return prepare(built.name, message, origins, built.requires)

    def _join(self, at: Hashable, found: Outcome) -> None:
        keys = self._further.setdefault(found, deque())
        keys.append(at)
        if len(keys) > _FURTHER_KEYS:
            self._made.pop(keys.popleft(), None)
