"""`ostria x scope`: what a workload or a namespace has used of the mesh, and the Sidecar object that it amounts to.

A proxy holds what its Sidecar lets it see, so one that names what is used makes Envoy's memory, and what a change costs, follow use instead of the size of
the mesh. Proxies that discover on demand (docs/decisions/0009) do that by themselves; for them it is what to start with. Hosts stand there with any namespace (`*/HOST`): a VirtualService of another namespace may speak for them, too. Traffic to hosts that were not called
while one looked is lost under REGISTRY_ONLY and passes without routing otherwise: look at a busy mesh, and read before you apply.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import typer
import yaml

from ostria.cli.proxy_config.command import admin
from ostria.cli.proxy_config.table import render
from ostria.cli.proxy_status import debug
from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, Output, choose, fail, say
from ostria.cli.x.usage import Usage, Use

HEADER = ("HOST", "PORTS", "REQUESTS", "CONNECTIONS", "WHY")
ALWAYS = "istio-system/*"
"""Where the mesh's own services are; an egress listener must name something."""
EVERYTHING = "*/*"
"""For proxies that discover on demand: they start with the hosts that are spelled out, and go on discovering the rest."""
ROUTES = "/config_dump?resource=dynamic_route_configs"
_NOT_ITS_OWN = ("pod-template-hash", "controller-revision-hash")


class Replica(NamedTuple):
    name: str
    namespace: str
    labels: Mapping[str, str]
    asked: tuple[str, ...] | None = None
    """Where it discovers on demand: the virtual hosts and clusters that it asked for."""


def scope(
    workload: Annotated[
        str, typer.Argument(metavar="[WORKLOAD]", help="deploy/NAME, NAME, NAME.NAMESPACE, or one replica; else all of -n.")
    ] = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    output: Output = "table",
    name: MeshName = DEFAULT_MESH,
) -> None:
    choose(output, ("table", "yaml", "json"))
    found = list(_matching(replicas(json.loads(debug(name, "/debug/adsz"))), workload.removeprefix("deploy/"), namespace))
    if not found:
        what = f"belongs to {workload}" if workload else f"is in namespace {namespace}"
        fail(f"no connected sidecar {what}", "ostria proxy-status lists those that are")
    usage = Usage()
    for each in found:
        read = [json.loads(admin(name, each.namespace, each.name, path)) for path in ("/clusters?format=json", ROUTES)]
        usage.take(each.name, read[0], _dump(read[1]), each.asked or ())
    match output:
        case "table":
            print(render(HEADER, rows(usage)))
        case "yaml":
            print(yaml.safe_dump(sidecar(found, usage, whole=not workload), sort_keys=False), end="")
        case _:
            print(json.dumps(sidecar(found, usage, whole=not workload), indent=2))
    for note in notes(usage, len(found), on_demand=discovering(found)):
        say(note)


def replicas(page: Mapping[str, Any]) -> Iterator[Replica]:
    """Connected sidecars, of `/debug/adsz`."""
    for client in page["clients"]:
        kind, _, who, _ = [*client["connectionId"].split("~"), "", "", "", ""][:4]
        name, _, namespace = who.rpartition(".")
        if kind == "sidecar":
            asked = client.get("onDemand")
            yield Replica(name, namespace, client.get("labels", {}), None if asked is None else (*asked["vhds"], *asked["cds"]))


def _matching(found: Iterable[Replica], workload: str, namespace: str) -> Iterator[Replica]:
    for each in sorted(found):
        names = (each.name, f"{each.name}.{each.namespace}")
        named = each.namespace == namespace and (not workload or each.name.startswith(f"{workload}-"))
        first, _, its_namespace = workload.rpartition(".")
        if named or workload in names or (first and its_namespace == each.namespace and each.name.startswith(f"{first}-")):
            yield each


def rows(usage: Usage) -> Iterator[tuple[str, ...]]:
    for host, use in sorted(usage.hosts.items(), key=lambda each: (not each[1].called, each[0])):
        counts = (str(use.requests), str(use.connections)) if use.called else ("-", "-")
        yield (host, ",".join(map(str, sorted(use.ports))) or "-", *counts, _why(use))


def _why(use: Use) -> str:
    if use.called:
        return f"called by {', '.join(sorted(use.by))}"
    return f"asked for by {', '.join(sorted(use.asked_by))}" if use.asked_by else f"leads to {', '.join(sorted(use.leads_to))}"


def sidecar(found: list[Replica], usage: Usage, *, whole: bool) -> dict[str, Any]:
    """For all of the namespace (`whole`), or for the workload that the replicas have their labels from."""
    namespace = found[0].namespace
    rest = [EVERYTHING] if discovering(found) else []
    egress = [{"hosts": [ALWAYS, *(f"*/{host}" for host in sorted(usage.hosts)), *rest]}]
    made = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar"}
    if whole:
        return {**made, "metadata": {"name": "default", "namespace": namespace}, "spec": {"egress": egress}}
    labels = common_labels(found)
    if not labels:
        fail(
            "the replicas have no label in common by which a Sidecar could select them",
            "leave the workload out for a Sidecar of the namespace",
        )
    spec = {"workloadSelector": {"labels": labels}, "egress": egress}
    return {**made, "metadata": {"name": "-".join(dict.fromkeys(labels.values())).lower(), "namespace": namespace}, "spec": spec}


def discovering(found: Iterable[Replica]) -> bool:
    return any(each.asked is not None for each in found)


def common_labels(found: list[Replica]) -> dict[str, str]:
    """Those that their template gave to all of them: `app` and `version` where they have them."""
    first, *others = (dict(each.labels) for each in found)
    kept = {name: value for name, value in first.items() if _own(name) and all(each.get(name) == value for each in others)}
    usual = {name: value for name, value in kept.items() if name in ("app", "version")}
    return usual if "app" in usual else kept


def _own(label: str) -> bool:
    return label not in _NOT_ITS_OWN and not label.partition("/")[0].endswith("istio.io")


def notes(usage: Usage, proxies: int, *, on_demand: bool) -> Iterator[str]:
    replied = "1 proxy" if proxies == 1 else f"{proxies} proxies"
    which = "have by now" if on_demand and proxies > 1 else "has by now" if on_demand else "can call"
    yield f"{len(usage.hosts)} of {len(usage.known)} hosts that {replied} {which} are in use, since the endpoints that they know now came"
    if on_demand:
        yield "note: the rest is discovered on demand; with this Sidecar they start with what is spelled out, and */* leaves the rest in reach"
    for each in sorted(usage.strangers):
        yield f"note: {each} also calls hosts that nobody declares; a Sidecar does not change that"


def _dump(page: Mapping[str, Any]) -> Mapping[str, Any]:
    """`?resource=` gives the parts alone: put them where a whole dump has them."""
    parts = [part for part in page.get("configs", ()) if "route_config" in part]
    return {"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "dynamic_route_configs": parts}]}
