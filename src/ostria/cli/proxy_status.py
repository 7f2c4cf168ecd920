"""`ostria proxy-status`: does every proxy hold what the control plane last sent it? What one refused is said with its words."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer

from ostria.cli.proxy_config.table import render
from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, Output, ask_one, choose, fail, say

HEADER = ("NAME", "CLUSTER", "CDS", "LDS", "EDS", "RDS", "ECDS", "ISTIOD", "VERSION")
TYPES = ("cds", "lds", "eds", "rds", "ecds")
PART_OF = {"vhds": "rds"}
"""Virtual hosts that come one by one are routes, too."""
DEBUG_PORT = 8080
_TOGETHER = re.compile(r"^Error adding/updating (cluster|listener)\(s\) ")


def register(app: typer.Typer) -> None:
    app.command("proxy-status", help="Show, for every proxy, whether it holds what was last sent to it.")(proxy_status)


def proxy_status(
    workload: Annotated[str, typer.Argument(metavar="[WORKLOAD]")] = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    output: Output = "table",
    name: MeshName = DEFAULT_MESH,
) -> None:
    choose(output, ("table", "json"))
    rows = sorted((row(status) for status in json.loads(debug(name, "/debug/syncz"))), key=lambda r: r["name"])
    if workload:
        rows = [r for r in rows if r["name"] == workload or r["name"].startswith(f"{workload.removeprefix('deploy/')}-")]
        if not rows:
            fail(f"no connected proxy belongs to {workload}", "ostria status shows whether its sidecar runs")
    if output == "json":
        print(json.dumps(rows, indent=2))
    else:
        print(render(HEADER, ([str(r[column]) for column in ("name", "cluster", *TYPES, "istiod", "version")] for r in rows)))
        for refused in (f"{r['name']}: {note}" for r in rows for note in r["rejected"]):
            say(refused)
    if any(r["rejected"] for r in rows):
        raise typer.Exit(1)


def debug(mesh: str, path: str) -> str:
    """A debug page of the mesh's control plane."""
    answer = ask_one(mesh, "http", workload="istiod.istio-system", port=DEBUG_PORT, path=path)
    if answer["status"] != 200:
        fail(f"the control plane answered {answer['status']} to {path}: {answer['body'][:200]}")
    return str(answer["body"])


def row(status: dict[str, Any]) -> dict[str, Any]:
    """One proxy of `/debug/syncz` as a row. A type that was never asked for is NOT SENT; one whose last answer was a refusal, REJECTED."""
    rejected = status.get("rejected") or []
    refused = {PART_OF.get(r["type"], r["type"]) for r in rejected}
    kinds = {kind: "REJECTED" if kind in refused else sync(status, kind) for kind in TYPES}
    return {
        "name": status["proxy"],
        "cluster": status.get("cluster_id", ""),
        **kinds,
        "istiod": status.get("istiod", "istiod"),
        "version": status.get("istio_version") or status.get("proxy_version") or "",
        "rejected": list(notes(rejected)),
    }


def notes(rejected: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each reason: what was refused for it, and which objects that came from."""
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for refused in rejected:
        alike.setdefault((refused["type"].upper(), reason(refused)), []).append(refused)
    for (kind, words), members in alike.items():
        names = ", ".join(each["resource"] for each in members)
        origins = ", ".join(dict.fromkeys(origin for each in members for origin in each.get("origins", ())))
        yield f"{kind} rejected: {names}: {words}" + (f" (from {origins})" if origins else "")


def reason(refused: Mapping[str, Any]) -> str:
    """Envoy's words about one resource: of several that were refused together, it has a line for each."""
    lines = _TOGETHER.sub("", refused["message"]).splitlines()
    own = next((line for line in lines if line.startswith(f"{refused['resource']}: ")), None)
    return own.partition(": ")[2] if own is not None else refused["message"].strip()


def sync(status: dict[str, Any], kind: str) -> str:
    name = "extensionconfig" if kind == "ecds" else {"cds": "cluster", "lds": "listener", "eds": "endpoint", "rds": "route"}[kind]
    sent, acked = status.get(f"{name}_sent", ""), status.get(f"{name}_acked", "")
    if not sent:
        return "NOT SENT"
    return "SYNCED" if sent == acked else "STALE"
