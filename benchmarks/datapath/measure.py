"""Requests per CPU second of two sidecars against two minimal Envoys in their place, and against the app alone, in alternating runs."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import processes
from benchmarks.datapath import certificates, world
from benchmarks.figures import Figure
from benchmarks.mesh import ROOT, Mesh, running

LOAD = ROOT / "benchmarks" / "load.py"
CONNECTIONS = 64
SIDECARS, MINIMAL, ALONE = "sidecars", "minimal pair", "app alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From where to what, through which processes."""

    name: str
    client: str
    url: str
    proxies: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    way: str
    per_second: float
    per_cpu_second: float
    p50_ms: float
    p99_ms: float


def ways(mesh: Mesh) -> tuple[Way, ...]:
    sidecars = (mesh.pid("client", "envoy"), mesh.pid("origin", "envoy"))
    minimal = (mesh.pid("plain-client", "client"), mesh.pid("plain-origin", "server"))
    return (
        Way(name=SIDECARS, client="client", url="http://origin/", proxies=sidecars),
        Way(name=MINIMAL, client="plain-client", url="http://127.0.0.1:18081/", proxies=minimal),
        Way(name=ALONE, client="plain-client", url=f"http://plain-origin:{world.APP_PORT}/", proxies=()),
    )


def run(mesh: Mesh, way: Way, seconds: float, connections: int) -> Run:
    before = processes.total_cpu_seconds(way.proxies)
    arguments = (way.url, "--seconds", str(seconds), "--connections", str(connections))
    found = mesh.exec_python(way.client, LOAD, *arguments, seconds=seconds + 60)
    used = processes.total_cpu_seconds(way.proxies) - before
    if found["failed"]:
        raise RuntimeError(f"{way.name}: {found['reasons']}")
    return Run(
        way=way.name,
        per_second=round(found["requests"] / found["seconds"]),
        per_cpu_second=round(found["requests"] / used) if used else 0,
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
    )


def runs(rounds: int, seconds: float, connections: int) -> Iterator[Run]:
    with TemporaryDirectory() as folder:
        file, settings = Path(folder, "datapath.yaml"), Path(folder, "ostria.yaml")
        file.write_text(world.manifests(certificates.make()))
        settings.write_text(world.SETTINGS)
        with running("datapath", [file, settings]) as mesh:
            found = ways(mesh)
            for way in found:
                run(mesh, way, 2, connections)
            for _ in range(rounds):
                for way in found:
                    yield run(mesh, way, seconds, connections)


def measure(*, quick: bool = False) -> list[Figure]:
    found = list(runs(1, 2, CONNECTIONS) if quick else runs(7, 5, CONNECTIONS))
    of = {name: [run for run in found if run.way == name] for name in (SIDECARS, MINIMAL, ALONE)}
    ratios = [round(ours.per_cpu_second / theirs.per_cpu_second, 3) for ours, theirs in zip(of[SIDECARS], of[MINIMAL], strict=True)]
    ratio = Figure(
        name="sidecars to minimal pair, requests per CPU second", value=statistics.median(ratios), unit="", at_least=0.9, seen=ratios
    )
    costs = [
        Figure(name=f"{name}: requests per CPU second", value=statistics.median(seen), unit="", seen=seen)
        for name in (SIDECARS, MINIMAL)
        if (seen := [run.per_cpu_second for run in of[name]])
    ]
    return [ratio, *costs, *(_speed(name, of[name]) for name in of)]


def _speed(name: str, found: list[Run]) -> Figure:
    middle = {field: statistics.median(getattr(run, field) for run in found) for field in ("p50_ms", "p99_ms")}
    note = f"p50 {middle['p50_ms']} ms, p99 {middle['p99_ms']} ms; client and app share the cores"
    seen = [run.per_second for run in found]
    return Figure(name=f"{name}: requests per second", value=statistics.median(seen), unit="", seen=seen, note=note)
