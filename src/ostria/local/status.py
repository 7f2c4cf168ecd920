"""What `ostria status` and the end of `ostria up` tell, as plain data."""

from collections.abc import Iterable, Mapping
from typing import Any

from ostria.api.problem import Problem
from ostria.local.mesh import Mesh
from ostria.local.pods import PodRun


def status(mesh: Mesh, problems: Iterable[Problem], more: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """`workloads` has one entry for each replica; process ids are the mesh's own."""
    own = [_problem(problem) for problem in problems]
    seen = {(p["path"], p["line"], p["message"]) for p in own}
    others = [dict(p) for p in more if (p.get("path"), p.get("line"), p.get("message")) not in seen]
    pods = sorted(mesh.pods.values(), key=lambda pod: (pod.plan.namespace, pod.plan.name))
    return {"workloads": [workload(pod) for pod in pods], "problems": [*own, *others]}


def workload(pod: PodRun) -> dict[str, Any]:
    pids = {run.name: run.process.pid for run in (*pod.init, *pod.containers) if run.process is not None}
    if pod.proxy is not None:
        pids |= {name: process.pid for name, process in (("agent", pod.proxy.agent), ("envoy", pod.proxy.envoy)) if process is not None}
    restarts = sum(run.restarts for run in pod.containers) + (pod.proxy.envoy_restarts if pod.proxy else 0)
    return {
        "name": pod.plan.name,
        "namespace": pod.plan.namespace,
        "workload": pod.plan.workload,
        "kind": pod.plan.owner.kind,
        "ready": pod.ready,
        "phase": "Terminating" if pod.stopping else pod.phase,
        "restarts": restarts,
        "injected": pod.injection.injected,
        "injection": pod.injection.reason,
        "router": pod.injection.router,
        "addresses": list(pod.addresses.texts()),
        "created": pod.created,
        "trouble": pod.trouble,
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
