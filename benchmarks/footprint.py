"""What a running Bookinfo holds and burns while nobody asks it for anything: memory by its fair share, CPU of all processes together."""

import time

from benchmarks import processes
from benchmarks.figures import Figure
from benchmarks.mesh import manifests, running

SECONDS = 60


def measure(*, quick: bool = False) -> list[Figure]:
    seconds = 5 if quick else SECONDS
    with running("footprint", manifests("bookinfo")) as mesh:
        mesh.first_answer("/productpage")
        time.sleep(seconds)
        parts = {"control plane": [mesh.pid("istiod", "discovery")], "agent": [], "envoy": [], "app": []}
        for replica in mesh.replicas():
            for name, pid in replica["pids"].items():
                if name != "discovery":
                    parts[name if name in ("agent", "envoy") else "app"].append(pid)
        everything = mesh.pids()
        named = {pid for pids in parts.values() for pid in pids}
        for pid in everything:
            if pid not in named:
                parts.setdefault(_role(pid), []).append(pid)
        figures = [_memory(role, pids) for role, pids in parts.items() if pids]
        total = sum(processes.memory_mb(pid)["pss"] for pid in everything)
        figures.append(Figure(name="whole mesh, PSS", value=round(total), unit="MB", note=f"{len(everything)} processes"))
        return [*figures, *_idle(parts, seconds)]


def _role(pid: int) -> str:
    argv = " ".join(processes.argv(pid))
    if "envoy" in argv:
        return "edge (Envoy)"
    return "supervisor" if "supervisor" in argv else "up"


def _memory(role: str, pids: list[int]) -> Figure:
    """The largest of its kind: "each" has to hold for every one."""
    found = [processes.memory_mb(pid) for pid in pids]
    largest = max(found, key=lambda each: each["pss"])
    goals = {"control plane": 90.0, "agent": 55.0}
    name = f"{role}, PSS" if len(pids) == 1 else f"{role}, PSS of the largest of {len(pids)}"
    note = f"unique {largest['uss']} MB, resident {largest['rss']} MB"
    return Figure(name=name, value=largest["pss"], unit="MB", at_most=goals.get(role), seen=[each["pss"] for each in found], note=note)


def _idle(parts: dict[str, list[int]], seconds: float) -> list[Figure]:
    def used() -> dict[str, float]:
        return {role: processes.total_cpu_seconds(pids) for role, pids in parts.items() if pids}

    before, began = used(), time.perf_counter()
    time.sleep(seconds)
    after, took = used(), time.perf_counter() - began
    share = {role: round((after[role] - before[role]) / took * 100, 2) for role in before}
    note = ", ".join(f"{role} {percent} %" for role, percent in sorted(share.items(), key=lambda each: -each[1]))
    return [Figure(name="idle CPU of all processes", value=round(sum(share.values()), 2), unit="% of one core", at_most=2, note=note)]
