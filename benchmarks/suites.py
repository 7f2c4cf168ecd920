"""Every suite on one page, in the order in which they run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks import ads, calls, change, footprint, generate, growth, kills, on_demand, startup, vhds
from benchmarks.datapath import measure as datapath
from benchmarks.figures import Figure


class Measure(Protocol):
    def __call__(self, *, quick: bool) -> Iterable[Figure]:
        """`quick`: a small run that shows that the suite works; its figures mean nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """`how` tells a reader what was done; `missing` why it can't be, empty where it can. `minutes`: about how long it takes."""

    name: str
    title: str
    how: str
    minutes: float
    measure: Measure
    missing: Callable[[], str] = lambda: ""
    picture: Callable[[Sequence[Figure]], str] | None = None
    """Its figures as SVG, kept as NAME.svg."""


SUITES = (
    Suite(
        name="startup",
        title="Start",
        how="From `ostria up -f … --gateway-port …` (installed, foreground) to the end of the first 200 from the published port; median of five.",
        minutes=1,
        measure=startup.measure,
    ),
    Suite(
        name="footprint",
        title="Memory and idle CPU",
        how=(
            "Bookinfo, 60 s after it is ready: proportional set size (smaps_rollup) of every process of the mesh, then the CPU time (user and system, "
            "/proc/PID/stat, children included) that all of them together use in the next 60 s, with no request but the mesh's own probes. Libraries "
            "are shared between processes, so that PSS depends on who else runs: unique and resident sizes stand beside it."
        ),
        minutes=2.5,
        measure=footprint.measure,
    ),
    Suite(
        name="change",
        title="A change until all proxies have acknowledged it",
        how=(
            "A VirtualService for `reviews` is saved in the watched folder (written aside, renamed); the clock stops when `/debug/syncz`, asked without a pause "
            "through the mesh's control socket, first says that every Bookinfo sidecar was sent new routes and acknowledged just these. Median of 20."
        ),
        minutes=0.5,
        measure=change.measure,
    ),
    Suite(
        name="datapath",
        title="Data path",
        how=(
            "Client → sidecar → sidecar → app with mutual TLS, against two minimal Envoys (`datapath/client.yaml`, `server.yaml`) in two pods like those, and "
            "against the app alone. HTTP/1.1, 64 connections kept alive, 1 KB, Envoy's concurrency 1, access log off. Requests per second of CPU time (user "
            "and system) of the two proxies; the ways take turns, the ratio is the median over rounds."
        ),
        minutes=2.5,
        measure=datapath.measure,
    ),
    Suite(
        name="kills",
        title="Kills",
        how=(
            "200 requests/s for 60 s through the gateway to `/api/v1/products`, which productpage answers alone; the client never retries. Five `kill -9`, ten seconds "
            "apart: of the control plane, of the gateway's and productpage's agents in turn, of the productpage app, of productpage's and the gateway's Envoys in turn, and "
            "of `up` itself (which ends the mesh; the next `up` is started at once). Each workload has one replica, so that while it is away nobody else can answer."
        ),
        minutes=12,
        measure=kills.measure,
    ),
    Suite(
        name="generate",
        title="Configuration for one proxy",
        how=(
            "Store, snapshots and translator in one process, without gRPC; CPU time, median of five rounds in which everything is new. The second proxy stands in "
            "the same view as the first. Bytes are those of the resources before they are joined into responses."
        ),
        minutes=0.5,
        measure=generate.measure,
    ),
    Suite(
        name="vhds",
        title="Routes whole, or virtual host by virtual host: what Envoy pays",
        how=(
            "One Envoy (concurrency 2) on the discovery server; a fifth of the services have a VirtualService, one of which changes 40 times. What a change leads to is "
            "translated before it is pushed: the time is that of sending, applying and acknowledging. Memory after the start."
        ),
        minutes=0.5,
        measure=vhds.measure,
    ),
    Suite(
        name="on_demand",
        title="All that a proxy may call, or what it calls: discovery on demand",
        how=(
            "One Envoy (concurrency 2) on the discovery server. 1,000 services with 10 endpoints and three subsets each in 20 namespaces, a fifth with a VirtualService; the proxy "
            "stands in one namespace and calls 20 services of others, each over a new connection, all served by one app on loopback. On demand it starts with the 50 services "
            "of its own namespace. Allocated: Envoy's own account of its heap."
        ),
        minutes=0.5,
        measure=on_demand.measure,
    ),
    Suite(
        name="ads",
        title="The control plane under the load of many proxies",
        how=(
            "`../shared/bench/meshgen.py` writes 1,000 services with 10 endpoints each, `../shared/bench/adsload.py` plays the proxies over delta xDS on the same two cores. "
            "Cold: from the first connection until every proxy holds all it asked for. The floor is a bare gRPC server that sends prepared bytes of the same sizes: what no "
            "control plane on gRPC for Python gets below on this machine in this hour."
        ),
        minutes=6,
        measure=ads.measure,
        missing=ads.missing,
    ),
    Suite(
        name="calls",
        title="A change in calls, whatever the machine",
        how=(
            "The discovery server from its gRPC handler inwards, 1,000 services, 200 proxies in one view that acknowledge at once: calls of functions of `ostria` (cProfile, both threads) "
            "from the new snapshot until every proxy has acknowledged it, for each proxy. Building the snapshot is not in it."
        ),
        minutes=0.5,
        measure=calls.measure,
    ),
    Suite(
        name="growth",
        title="Growth",
        how=(
            "The same load at other sizes: services grow at 100 proxies, proxies grow at 200 services. The figure is the exponent of the power law that fits the "
            "points from 100 on best (1 is linear), beside it the cost per service or proxy (least squares) and the points."
        ),
        minutes=6,
        measure=growth.measure,
        missing=ads.missing,
        picture=growth.picture,
    ),
)
