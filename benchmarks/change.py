"""Milliseconds from saving a VirtualService until every Bookinfo sidecar has acknowledged the new routes.

Acknowledgements are read from the control plane's own `/debug/syncz`, asked through the mesh's control socket as fast as it answers: a sidecar
counts when the nonces of its last routes (RDS and VHDS) are new ones and are also those it acknowledged. What is measured is therefore the end of the
first answer that says so, later than the acknowledgement by at most one such question.
"""

import json
import statistics
import time
from typing import Any

from benchmarks.figures import Figure
from benchmarks.mesh import Mesh, manifests, running
from ostria.local.control import client
from ostria.local.paths import mesh_paths

CHANGES = 20
PATIENCE = 10.0
REVIEWS = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - headers:
      request:
        set: {x-change: "%d"}
    route:
    - destination: {host: reviews}
"""


def measure(*, quick: bool = False) -> list[Figure]:
    changes = 4 if quick else CHANGES
    with running("change", manifests("bookinfo")) as mesh:
        mesh.first_answer("/productpage")
        watch = Watch(mesh)
        sidecars = len(watch.routes())
        mesh.save("changed.yaml", REVIEWS % 0)
        time.sleep(2)
        seen = [watch.change(number, sidecars) for number in range(1, changes + 1)]
        asking = round(statistics.median(watch.asking) * 1000, 1)
    note = f"{sidecars} sidecars; most {max(seen)} ms; one question to /debug/syncz takes {asking} ms"
    return [Figure(name="save → all acknowledged", value=statistics.median(seen), unit="ms", at_most=150, seen=seen, note=note)]


class Watch:
    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._control = mesh_paths(mesh.name, mesh.environment, 0).control
        self.asking: list[float] = []

    def routes(self) -> dict[str, tuple[str, str]]:
        """Nonces of routes by sidecar: sent, acknowledged."""
        began = time.perf_counter()
        answer = client.one(self._control, "http", workload="istiod", namespace="istio-system", port=8080, path="/debug/syncz")
        self.asking.append(time.perf_counter() - began)
        rows: list[dict[str, Any]] = json.loads(answer["body"])
        return {r["proxy"]: (r.get("route_sent", ""), r.get("route_acked", "")) for r in rows if r["proxy_type"] == "sidecar"}

    def change(self, number: int, sidecars: int) -> float:
        before = self.routes()
        began = time.perf_counter()
        self._mesh.save("changed.yaml", REVIEWS % number)
        while time.perf_counter() - began < PATIENCE:
            now = self.routes()
            new = [proxy for proxy, (sent, acked) in now.items() if sent == acked and sent != before[proxy][0]]
            if len(new) == sidecars:
                took = time.perf_counter() - began
                time.sleep(0.5)
                return round(took * 1000, 1)
        raise RuntimeError(f"not acknowledged within {PATIENCE} s: {self.routes()}")
