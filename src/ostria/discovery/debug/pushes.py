"""The page of the last pushes: causes with file and line, what was sent to how many, what was built, how long until the last answer."""

from collections.abc import Mapping
from datetime import UTC, datetime

from ostria.discovery.metrics import short
from ostria.discovery.pushes import Push, Pushes


def page(pushes: Pushes) -> list[object]:
    """Newest first."""
    return [page_of(push, built) for push, built in pushes]


def page_of(push: Push, built: Mapping[str, int]) -> Mapping[str, object]:
    return {
        "version": push.version,
        "time": datetime.fromtimestamp(push.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "causes": [
            *({"object": str(each.object), "kind": each.object.kind, "event": each.event, "at": each.at} for each in push.causes),
            *([{"object": "mesh settings", "kind": "MeshConfig", "event": "changed", "at": ""}] if push.mesh_changed else []),
        ],
        "changes": push.changes + push.mesh_changed,
        "proxies": push.proxies,
        "sent": {
            short(type_url): {"responses": sent.responses, "resources": sent.resources, "removed": sent.removed, "bytes": sent.bytes}
            for type_url, sent in sorted(push.sent.items())
        },
        "built": {short(type_url): count for type_url, count in sorted(built.items())},
        "refused": push.refused,
        "unanswered": push.unanswered,
        "snapshot_ms": _ms(push.snapshot_seconds),
        "translate_ms": _ms(push.translate_seconds),
        "acknowledged_ms": _ms(push.last_answer - push.began) if push.last_answer is not None else None,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
