"""What `ostria status` and the end of `ostria up` tell, as plain data."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ostria.api.kubernetes.service import Service
from ostria.api.meta import Message
from ostria.api.problem import Problem, Severity, field_path
from ostria.api.uses import without_meaning
from ostria.config import proxy_config
from ostria.config.closing import Unenforced
from ostria.config.mesh import MESH_CONFIG_MAP, MeshSettings
from ostria.config.store import Origin, Store
from ostria.local.controllers.endpoints import unserved
from ostria.local.mesh import Mesh
from ostria.local.pods.run import PodRun


def status(
    mesh: Mesh,
    problems: Iterable[Problem],
    more: Iterable[Mapping[str, Any]] = (),
    unenforced: Sequence[Unenforced] = (),
    refused: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """`workloads` has one entry for each replica; process ids are the mesh's own. `more` is what the control plane knows to be wrong.

    `refused` is what proxies (`NAME.NAMESPACE`) refuse to run: such a workload is not ready, whatever its probes say.
    """
    own = [_problem(problem) for problem in (*problems, *_unserved(mesh))]
    seen = {(p["path"], p["line"], p["message"]) for p in own}
    others = [dict(p) for p in more if (p.get("path"), p.get("line"), p.get("message")) not in seen]
    pods = sorted(mesh.pods.values(), key=lambda pod: (pod.plan.namespace, pod.plan.name))
    root = mesh.settings.read(mesh.store).root_namespace
    return {
        "workloads": [
            {
                **workload(pod, refused.get(f"{pod.plan.name}.{pod.plan.namespace}", "")),
                "unenforced": [*map(str, _missing(pod, unenforced, root))],
            }
            for pod in pods
        ],
        "problems": [*own, *others],
    }


def meaningless(store: Store, settings: MeshSettings) -> list[dict[str, Any]]:
    """Every field that is accepted and has no effect on one machine, with its object, its place and the reason."""
    found = [(str(entry.key), entry.origin, entry.object) for kind in store.kinds() for entry in store.list(kind)]
    written = store.get(MESH_CONFIG_MAP)
    place = written.origin if written is not None else None
    return [
        {"object": name, "path": at.path if at else "", "line": at.line if at else 0, "field": field_path(path), "reason": reason}
        for name, at, message in (*found, *_proxy_configs(store), ("MeshConfig", place, settings.read(store)))
        for path, reason in without_meaning(message)
    ]


def _proxy_configs(store: Store) -> Iterator[tuple[str, Origin, Message]]:
    """Those of annotations. One that can't be read keeps its pod from starting, and is told there."""
    for kind in store.kinds():
        for entry in store.list(kind):
            template = getattr(getattr(entry.object, "spec", None), "template", entry.object)
            if proxy_config.ANNOTATION in template.metadata.annotations:
                with contextlib.suppress(proxy_config.BadProxyConfig):
                    yield f"{entry.key} {proxy_config.ANNOTATION}", entry.origin, proxy_config.of(template.metadata.annotations)


def _unserved(mesh: Mesh) -> Iterator[Problem]:
    """Services that nobody answers for: whoever calls them gets 503."""
    pods = [pod.object() for pod in mesh.pods.values()]
    for entry in mesh.store.list("Service"):
        if isinstance(entry.object, Service) and (advice := unserved(entry.object, pods)) is not None:
            at = entry.origin
            yield Problem(
                path=at.path,
                line=at.line,
                column=at.column,
                key=entry.key,
                severity=Severity.WARNING,
                message=advice.message,
                hint=advice.hint,
            )


def _missing(pod: PodRun, unenforced: Iterable[Unenforced], root_namespace: str) -> Iterator[Unenforced]:
    """Policies that are refused, and that this pod's proxy should enforce."""
    if pod.injection.injected:
        labels = pod.plan.template.metadata.labels
        yield from (each for each in unenforced if each.selects(pod.plan.namespace, labels, root_namespace))


def workload(pod: PodRun, refused: str = "") -> dict[str, Any]:
    pids = {run.name: run.process.pid for run in pod.containers if run.process is not None}
    if pod.proxy is not None:
        pids |= {name: process.pid for name, process in (("agent", pod.proxy.agent), ("envoy", pod.proxy.envoy)) if process is not None}
    restarts = sum(run.restarts for run in (*pod.containers.beside, *pod.containers.apps)) + (pod.proxy.envoy_restarts if pod.proxy else 0)
    return {
        "name": pod.plan.name,
        "namespace": pod.plan.namespace,
        "workload": pod.plan.workload,
        "kind": pod.plan.owner.kind,
        "ready": pod.ready and not refused,
        "phase": "Terminating" if pod.stopping else pod.phase,
        "restarts": restarts,
        "injected": pod.injection.injected,
        "injection": pod.injection.reason,
        "router": pod.injection.router,
        "addresses": list(pod.addresses.texts()),
        "created": pod.created,
        "trouble": pod.trouble or refused,
        "hopeless": pod.hopeless,
        "pids": pids,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "severity": str(problem.severity),
        "object": str(problem.key or ""),
        "field": problem.field,
        "message": problem.message,
        "hint": problem.hint,
    }
