"""Whether a refused document would have closed something, and to whom: a policy that is not taken must never be overlooked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ostria.api.kinds import BY_NAME, SECURITY
from ostria.api.meta import ObjectKey
from ostria.api.problem import Path

_GROUP = "security.istio.io"
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """`selector` is None where it can't be read: then it may select anybody. Empty, it selects everybody."""

    selector: Labels | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unenforced:
    """A policy that is refused and has no good version. `key` is None where nobody can tell which one is meant."""

    key: ObjectKey | None
    where: str
    selector: Labels | None = None

    def selects(self, namespace: str, labels: Labels, root_namespace: str) -> bool:
        """Whether a workload would have been under it; in doubt, yes."""
        if self.key is not None and self.key.namespace not in (namespace, root_namespace):
            return False
        return self.selector is None or self.selector.items() <= labels.items()

    def __str__(self) -> str:
        return f"{self.key} ({self.where})" if self.key else f"what stands at {self.where}"


def of_data(data: Any, prefix: Path) -> Closing | None:
    """A document that is YAML: its kind tells, also where it is misspelt."""
    for step in prefix:
        data = data[step]
    if not isinstance(data, dict):
        return None
    kind = str(data.get("kind", ""))
    misspelt = kind not in BY_NAME and (str(data.get("apiVersion", "")).startswith(_GROUP) or get_close_matches(kind, SECURITY, 1, 0.8))
    return Closing(selector=_selector(data.get("spec"))) if kind in SECURITY or misspelt else None


def of_text(text: str) -> Closing | None:
    """A document that is no YAML: whatever speaks of such a kind may be one."""
    return Closing() if _GROUP in text or any(kind in text for kind in SECURITY) else None


def _selector(spec: Any) -> Labels | None:
    if spec is None:
        return {}
    if not isinstance(spec, dict) or "targetRef" in spec or "targetRefs" in spec:
        return None
    selector = spec.get("selector")
    if selector is None:
        return {}
    labels = selector.get("matchLabels", {}) if isinstance(selector, dict) else None
    readable = isinstance(labels, dict) and all(isinstance(part, str) for pair in labels.items() for part in pair)
    return labels if readable and set(selector) <= {"matchLabels"} else None
