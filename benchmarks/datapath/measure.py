"""Requests per CPU second of two sidecars against two minimal Envoys in their place, and against the app alone, in alternating runs."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import processes
from benchmarks.datapath import certificates, world
from benchmarks.mesh import ROOT, Mesh, running

LOAD = ROOT / "benchmarks" / "load.py"


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
        Way(name="sidecars", client="client", url="http://origin/", proxies=sidecars),
        Way(name="minimal pair", client="plain-client", url="http://127.0.0.1:18081/", proxies=minimal),
        Way(name="app alone", client="plain-client", url=f"http://plain-origin:{world.APP_PORT}/", proxies=()),
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


def ratio(found: list[Run]) -> float:
    """Of each round's sidecars to its minimal pair; the median of rounds."""
    mesh = [r.per_cpu_second for r in found if r.way == "sidecars"]
    pair = [r.per_cpu_second for r in found if r.way == "minimal pair"]
    return statistics.median(a / b for a, b in zip(mesh, pair, strict=True))
