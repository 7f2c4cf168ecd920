"""Bookinfo from YAML to routes: the whole path as far as the snapshot, then one request at a time."""

from pathlib import Path

from envoy.config.route.v3 import route_pb2
from tests.unit.translate.routes.simulate import Outcome, Request, simulate
from tests.unit.world import pod, proxy, router, view_of, world

from ostria.snapshot.snapshots import Snapshot
from ostria.translate import routes

BOOKINFO = "\n---\n".join(p.read_text() for p in sorted((Path(__file__).parents[4] / "examples/bookinfo/manifests").glob("*.yaml")))
PODS = pod("productpage-v1", "10.1.0.1") + pod("reviews-v2", "10.1.0.2") + pod("ratings-v1", "10.1.0.3")
GATEWAY = """
---
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  clusterIP: 10.0.0.80
  selector: {istio: ingressgateway}
  ports: [{name: http2, port: 80, targetPort: 8080}]
""" + pod("istio-ingressgateway-1", "10.1.0.9", "istio-system", labels={"istio": "ingressgateway"}, injected=False)

JASON = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - match: [{headers: {end-user: {exact: jason}}, sourceLabels: {app: productpage}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{sourceLabels: {app: nobody}}]
    redirect: {uri: /never}
  - route: [{destination: {host: reviews, subset: v1}}]
"""


def config(snapshot: Snapshot, name: str, workload: str = "productpage-v1") -> route_pb2.RouteConfiguration:
    claims = router("istio-ingressgateway-1") if workload == "gateway" else proxy(workload)
    keys = routes.keys(view_of(snapshot, claims))
    message = routes.build(next(k for k in keys if k.name == name)).message
    assert isinstance(message, route_pb2.RouteConfiguration)
    return message


def get(snapshot: Snapshot, url: str, workload: str = "productpage-v1", name: str = "9080", **headers: str) -> Outcome:
    host, slash, path = url.partition("/")
    request = Request(authority=host, path=slash + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return simulate(config(snapshot, name, workload), request)


def test_productpage_reaches_every_service_on_9080_under_its_short_name() -> None:
    mesh = world(BOOKINFO + PODS)
    for name in ("details", "reviews", "ratings", "productpage"):
        assert list(get(mesh, f"{name}:9080/").clusters) == [f"outbound|9080||{name}.default.svc.cluster.local"]


def test_get_reviews_from_productpage_as_jason_reaches_reviews_v2_and_from_elsewhere_v1() -> None:
    mesh = world(BOOKINFO + PODS + JASON)
    v1, v2 = (f"outbound|9080|{v}|reviews.default.svc.cluster.local" for v in ("v1", "v2"))
    assert list(get(mesh, "reviews:9080/reviews/0", end_user="jason").clusters) == [v2]
    assert list(get(mesh, "reviews:9080/reviews/0", end_user="mary").clusters) == [v1]
    assert list(get(mesh, "reviews:9080/reviews/0", workload="ratings-v1", end_user="jason").clusters) == [v1]


def test_the_gateway_serves_bookinfos_paths_and_nothing_else() -> None:
    mesh = world(BOOKINFO + PODS + GATEWAY)
    page = "outbound|9080||productpage.default.svc.cluster.local"
    for path in ("productpage", "static/x.css", "login", "logout", "api/v1/products"):
        assert list(get(mesh, f"localhost:8080/{path}", "gateway", "http.8080").clusters) == [page]
    assert get(mesh, "localhost/other", "gateway", "http.8080").status == 404


def test_a_sidecar_object_narrows_what_a_workload_may_reach() -> None:
    narrow = """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec:
  egress: [{hosts: [./ratings.default.svc.cluster.local]}]
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
"""
    mesh = world(BOOKINFO + PODS + narrow)
    assert get(mesh, "ratings:9080/").clusters
    assert get(mesh, "reviews:9080/").status == 502
