"""exportTo: which namespaces see an object."""

from collections.abc import Sequence


def exported(export_to: Sequence[str], namespace: str, default: Sequence[str]) -> frozenset[str]:
    """Namespaces, or `*` for all. `.` means the object's own namespace; `~` means nobody, so an empty set."""
    return frozenset(namespace if item == "." else item for item in export_to or default if item != "~")


def sees(namespace: str, export_to: frozenset[str]) -> bool:
    return "*" in export_to or namespace in export_to
