"""Seconds from `ostria up` to the first page served through the gateway: Bookinfo, and a single service."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.mesh import ROOT, manifests, running

SINGLE = ROOT / "benchmarks" / "manifests" / "single.yaml"


def measure(*, quick: bool = False) -> list[Figure]:
    rounds = 1 if quick else 5
    return [
        _figure("Bookinfo: first /productpage", manifests("bookinfo"), "/productpage", rounds, 12),
        _figure("one service: first answer", [SINGLE], "/get", rounds, 5),
    ]


def _figure(name: str, files: Sequence[Path], path: str, rounds: int, goal: float) -> Figure:
    seen = []
    for _ in range(rounds):
        with running("startup", files, ready=False) as mesh:
            seen.append(round(mesh.first_answer(path), 2))
    return Figure(name=name, value=statistics.median(seen), unit="s", at_most=goal, seen=seen)
