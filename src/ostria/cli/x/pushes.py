"""`ostria x pushes`: who caused each of the last pushes, and what it cost. The control plane's `/debug/pushes`, as a table."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from ostria.cli.proxy_config.table import render
from ostria.cli.proxy_status import debug
from ostria.cli.running import DEFAULT_MESH, MeshName, Output, choose, fail

HEADER = ("TIME", "CAUSE", "PROXIES", "SENT", "RESOURCES", "BYTES", "BUILT", "WORK", "ACKED")
NOTHING = "-"


def pushes(
    last: Annotated[
        int, typer.Option("--last", metavar="N", help="How many, the newest last; the control plane remembers a hundred.")
    ] = 10,
    output: Output = "table",
    name: MeshName = DEFAULT_MESH,
) -> None:
    choose(output, ("table", "json"))
    if last < 1:
        fail("--last must be 1 or more", status=2)
    found = json.loads(debug(name, "/debug/pushes"))[:last]
    if output == "json":
        print(json.dumps(found, indent=2))
    else:
        print(render(HEADER, map(row, reversed(found))))


def row(push: Mapping[str, Any]) -> tuple[str, ...]:
    """What nobody was sent shows dashes: a change that concerns no proxy costs its snapshot only."""
    sent = push["sent"]
    return (
        datetime.fromisoformat(push["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3],
        cause(push),
        str(push["proxies"]),
        ",".join(sent) or NOTHING,
        str(sum(each["resources"] + each["removed"] for each in sent.values())) if sent else NOTHING,
        size(sum(each["bytes"] for each in sent.values())) if sent else NOTHING,
        ",".join(f"{count} {kind}" for kind, count in push["built"].items()) or NOTHING,
        f"{push['snapshot_ms'] + push['translate_ms']:.0f} ms",
        answered(push),
    )


def cause(push: Mapping[str, Any]) -> str:
    """The first object with its place, and how many more there were."""
    if not push["causes"]:
        return "the control plane started"
    first, more = push["causes"][0], push["changes"] - 1
    at = f" ({first['at']})" if first["at"] else ""
    return f"{first['object']} {first['event']}{at}" + (f" and {more} more" if more else "")


def answered(push: Mapping[str, Any]) -> str:
    """Milliseconds from the change to the last acknowledgement; who has not answered or refused is counted."""
    marks = [f"{push[what]} {what}" for what in ("unanswered", "refused") if push[what]]
    if push["acknowledged_ms"] is not None:
        marks.insert(0, f"{push['acknowledged_ms']:.0f} ms")
    return ", ".join(marks) or NOTHING


def size(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
