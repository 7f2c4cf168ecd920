"""The end of `ostria up`: where the page is, how the mesh runs and what that costs, who has a sidecar, what is watched, what to try next."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_MODES = {
    "root": "root: namespaces and transparent capture; nothing is lost",
    "rootless": "rootless: user namespaces and transparent capture; nothing is lost",
    "rootless-single": "rootless: user namespaces with one user and transparent capture; apps and proxies share that user",
    "no-capture": "without capture: clients reach the mesh by http_proxy; HTTP only, and inbound policy can be bypassed",
}


def of(ready: dict[str, Any], here: Path) -> str:
    return "\n".join(_lines(ready, here))


def _lines(ready: dict[str, Any], here: Path) -> Iterator[str]:
    workloads = [w for w in ready["workloads"] if not w["router"] and w["workload"] != "istiod"]
    waiting = [w for w in ready["workloads"] if not w["ready"] and w["phase"] != "Succeeded"]
    yield f"mesh {ready['mesh']} " + ("is up" if not waiting else "is up, but not all of it")
    if ready["gateway_port"]:
        yield f"  page          http://localhost:{ready['gateway_port']}/{_page(workloads)}"
    yield f"  mode          {_MODES.get(ready['mode'], ready['mode'])}"
    for reason in ready.get("why", []):
        yield f"                because {reason}"
    yield f"  with sidecar  {_names(w for w in workloads if w['injected']) or 'none'}"
    for workload in (w for w in workloads if not w["injected"]):
        yield f"  no sidecar    {workload['workload']} ({workload['namespace']}): {workload['injection']}"
    for namespace in ready.get("undeclared", []):
        yield f"  namespace     {namespace} is declared by no file: it has istio-injection=enabled"
    watched = ", ".join(_short(path, here) for path in ready["watched"]) or "no files (ostria apply -f FILE adds objects)"
    yield f"  watching      {watched}"
    for workload in waiting:
        yield f"  not ready     {workload['name']} ({workload['namespace']}): {workload['trouble'] or workload['phase']}"
    for problem in ready["problems"]:
        place = f"{_short(problem['path'], here)}:{problem['line']}" if problem["path"] else ""
        parts = (place, problem["object"], problem.get("field"), problem["message"])
        yield f"  {problem['severity']:<13} {': '.join(part for part in parts if part)}"
        if problem["hint"]:
            yield f"                hint: {problem['hint']}"
    yield "try"
    yield from (f"  {command}" for command in _next(ready, workloads))


def _names(workloads: Iterable[dict[str, Any]]) -> str:
    names = (w["workload"] if w["namespace"] == "default" else f"{w['workload']}.{w['namespace']}" for w in workloads)
    return ", ".join(dict.fromkeys(names))


def _page(workloads: list[dict[str, Any]]) -> str:
    return "productpage" if any(w["workload"].startswith("productpage") for w in workloads) else ""


def _short(path: str, here: Path) -> str:
    found = Path(path)
    return str(found.relative_to(here)) if found.is_relative_to(here) else path


def _next(ready: dict[str, Any], workloads: list[dict[str, Any]]) -> Iterator[str]:
    name = "" if ready["mesh"] == "default" else f" --name {ready['mesh']}"
    yield f"ostria status{name}"
    yield f"ostria proxy-status{name}"
    first = next((w for w in workloads if w["injected"]), None)
    if first is None:
        yield f"ostria apply{name} -f FILE"
        return
    place = "" if first["namespace"] == "default" else f".{first['namespace']}"
    yield f"ostria logs{name} {first['workload']}{place} -c proxy -f"
