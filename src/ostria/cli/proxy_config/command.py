"""`ostria proxy-config PART WORKLOAD`: ask the Envoy of one replica what it holds."""

import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from ostria.cli.proxy_config import clusters, endpoints, listeners, routes, secrets
from ostria.cli.proxy_config.dump import section
from ostria.cli.proxy_config.table import render
from ostria.cli.running import DEFAULT_MESH, DEFAULT_NAMESPACE, MeshName, Namespace, Output, ask_one, choose, fail

ADMIN_PORT = 15000
Workload = Annotated[str, typer.Argument(metavar="WORKLOAD", help="deploy/NAME, NAME, NAME.NAMESPACE, or one replica.")]
Text = Annotated[str, typer.Option()]

app = typer.Typer(no_args_is_help=True, help="Show what the Envoy of a workload holds.")


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="proxy-config")


def admin(mesh: str, namespace: str, workload: str, path: str, method: str = "GET") -> str:
    answer = ask_one(mesh, "http", workload=workload, namespace=namespace, port=ADMIN_PORT, path=path, method=method)
    if answer["status"] != 200:
        fail(f"Envoy of {workload} answered {answer['status']} to {path}: {answer['body'][:200]}")
    return str(answer["body"])


def dump(mesh: str, namespace: str, workload: str, path: str = "/config_dump") -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(admin(mesh, namespace, workload, path))
    return decoded


def show(output: str, header: tuple[str, ...], rows: Callable[[], Iterable[tuple[str, ...]]], raw: Callable[[], object]) -> None:
    match choose(output, ("table", "short", "json")):
        case "json":
            print(json.dumps(raw(), indent=2))
        case _:
            print(render(header, rows()))


@app.command("cluster")
@app.command("clusters", hidden=True)
def cluster_command(
    workload: Workload,
    fqdn: Text = "",
    port: Text = "",
    subset: Text = "",
    direction: Text = "",
    output: Output = "table",
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    """Clusters: service port and subset, how endpoints are found, which DestinationRule."""
    found = dump(name, namespace, workload)
    show(output, clusters.HEADER, lambda: clusters.rows(found, fqdn, port, subset, direction), lambda: section(found, "ClustersConfigDump"))


@app.command("listener")
@app.command("listeners", hidden=True)
def listener_command(
    workload: Workload,
    address: Text = "",
    port: Text = "",
    output: Output = "table",
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    """Listeners: which connections each filter chain takes, and where they go."""
    found = dump(name, namespace, workload)
    show(output, listeners.HEADER, lambda: listeners.rows(found, address, port), lambda: section(found, "ListenersConfigDump"))


@app.command("route")
@app.command("routes", hidden=True)
def route_command(
    workload: Workload,
    route_name: Annotated[str, typer.Option("--route", metavar="ROUTE", help="One route configuration, such as 9080 or http.8080.")] = "",
    output: Output = "table",
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    """Routes: hosts, matches, and the VirtualService that made each."""
    found = dump(name, namespace, workload)
    show(output, routes.HEADER, lambda: routes.rows(found, route_name), lambda: section(found, "RoutesConfigDump"))


@app.command("endpoint")
@app.command("endpoints", hidden=True)
def endpoint_command(
    workload: Workload,
    cluster: Text = "",
    address: Text = "",
    port: Text = "",
    status: Text = "",
    output: Output = "table",
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    """Endpoints: addresses that Envoy balances over, and what it thinks of their health."""
    found = dump(name, namespace, workload, "/clusters?format=json")
    show(output, endpoints.HEADER, lambda: endpoints.rows(found, cluster, address, port, status), lambda: found)


@app.command("secret")
@app.command("secrets", hidden=True)
def secret_command(
    workload: Workload, output: Output = "table", namespace: Namespace = DEFAULT_NAMESPACE, name: MeshName = DEFAULT_MESH
) -> None:
    """Secrets: certificates with their lives. Private keys are never shown."""
    found = dump(name, namespace, workload)
    show(output, secrets.HEADER, lambda: secrets.rows(found), lambda: section(found, "SecretsConfigDump"))


@app.command("bootstrap")
def bootstrap_command(
    workload: Workload, output: Output = "json", namespace: Namespace = DEFAULT_NAMESPACE, name: MeshName = DEFAULT_MESH
) -> None:
    """The bootstrap that Envoy was started with."""
    choose(output, ("json", "short"))
    print(json.dumps(section(dump(name, namespace, workload), "BootstrapConfigDump"), indent=2))


@app.command("all")
def all_command(
    workload: Workload, output: Output = "table", namespace: Namespace = DEFAULT_NAMESPACE, name: MeshName = DEFAULT_MESH
) -> None:
    """Clusters, listeners, routes, endpoints and secrets, one after the other."""
    found = dump(name, namespace, workload, "/config_dump?include_eds")
    if choose(output, ("table", "short", "json")) == "json":
        print(json.dumps(found, indent=2))
        return
    live = dump(name, namespace, workload, "/clusters?format=json")
    tables = (
        (clusters.HEADER, clusters.rows(found)),
        (listeners.HEADER, listeners.rows(found)),
        (routes.HEADER, routes.rows(found)),
        (endpoints.HEADER, endpoints.rows(live)),
        (secrets.HEADER, secrets.rows(found)),
    )
    print("\n\n".join(render(header, rows) for header, rows in tables))


@app.command("log")
def log_command(
    workload: Workload,
    level: Annotated[str, typer.Option(metavar="LEVEL|LOGGER:LEVEL,…", help="Set levels; without it they are shown.")] = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    name: MeshName = DEFAULT_MESH,
) -> None:
    """Levels of Envoy's loggers."""
    paths = [f"/logging?{_level(part)}" for part in level.split(",")] if level else ["/logging"]
    for path in paths:
        said = admin(name, namespace, workload, path, "POST")
    print(said, end="")


def _level(part: str) -> str:
    logger, colon, level = part.partition(":")
    known = ("trace", "debug", "info", "warning", "error", "critical", "off")
    chosen = level if colon else logger
    if chosen not in known or not logger.replace("_", "").isalnum():
        fail(f"{part!r} is not a level", f"LEVEL or LOGGER:LEVEL, level one of {', '.join(known)}", status=2)
    return f"{logger}={level}" if colon else f"level={logger}"
