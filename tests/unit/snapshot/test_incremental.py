"""Whatever happens in whatever order, the snapshot is the one that the final objects alone would give."""

from functools import cache

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.snapshot.pictures import picture
from tests.unit.world import objects, pod, proxy, router, service

from ostria.api.meta import Resource
from ostria.config.memory import MemorySource
from ostria.config.store import Change, Store
from ostria.snapshot.snapshots import Snapshot, Snapshots
from ostria.snapshot.view import ProxyType

PROXIES = [
    proxy("web", addresses=("10.0.0.1",), labels={"app": "web"}),
    proxy("web", authenticated=True, id="proved", service_account="web"),
    proxy("reviews", labels={"app": "reviews"}),
    proxy("other", "other", labels={"app": "other", "version": "v1"}),
    proxy("vm", labels={}, addresses=("10.0.0.7",)),
    router(labels={"istio": "ingressgateway"}, addresses=("10.0.0.9",)),
    proxy("quiet", "quiet", labels={}, type=ProxyType.SIDECAR),
]

SLOTS: tuple[tuple[str, ...], ...] = (
    (
        pod("web", "10.0.0.1", account="web", ports=[("http", 8080)]),
        pod("web", "10.0.0.11", labels={"app": "reviews"}),
        pod("web", "10.0.0.1", injected=False),
    ),
    (
        pod("reviews", "10.0.0.2", ports=[("http", 9080)]),
        pod("reviews", "10.0.0.2", ready=False, ports=[("http", 9081)]),
        pod("reviews", "10.0.0.3", labels={"app": "web"}, node="n1"),
    ),
    (
        pod("other", "10.0.0.4", "other"),
        pod("other", "10.0.0.4", "other", labels={"app": "other", "security.istio.io/tlsMode": "disabled"}),
    ),
    (pod("istio-ingressgateway", "10.0.0.9", "istio-system", labels={"istio": "ingressgateway"}),),
    (
        service("web", ("http", 80, 8080), ip="10.1.0.1"),
        service("web", ("http", 80, "http"), ("tcp", 3306), created="2024-01-01T00:00:00Z"),
        service("web", ("http", 80), annotations={"networking.istio.io/exportTo": "."}),
    ),
    (
        service("reviews", ("http", 9080, "http")),
        service("reviews", ("grpc", 9080), clusterIP="None"),
        service("reviews", ("http", 9080), internalTrafficPolicy="Local"),
    ),
    (
        service("front", ("http", 8080), selector={"app": "web"}),
        service("front", type="ExternalName", externalName="reviews.default.svc.cluster.local", selector={}),
    ),
    (
        service(
            "istio-ingressgateway",
            ("http2", 80, 8080),
            ("https", 443, 8443),
            namespace="istio-system",
            selector={"istio": "ingressgateway"},
        ),
    ),
    (
        "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: reviews-1, namespace: default, labels: {kubernetes.io/service-name: reviews}}, addressType: IPv4,"
        " endpoints: [{addresses: [10.0.0.2], targetRef: {kind: Pod, name: reviews, namespace: default}, hostname: r-0}, {addresses: [10.0.0.50]}], ports: [{name: http, port: 9080}, {name: grpc, port: 9080}]}",
        "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: reviews-1, namespace: default, labels: {kubernetes.io/service-name: web}}, addressType: IPv4,"
        " endpoints: [{addresses: [10.0.0.1]}], ports: [{name: http, port: 8080}]}",
    ),
    (
        "{apiVersion: v1, kind: Endpoints, metadata: {name: web, namespace: default}, subsets: [{addresses: [{ip: 10.0.0.3}], notReadyAddresses: [{ip: 10.0.0.5}], ports: [{name: http, port: 8080}]}]}",
    ),
    (
        "{apiVersion: networking.k8s.io/v1, kind: IPAddress, metadata: {name: 10.1.0.77}, spec: {parentRef: {resource: services, namespace: default, name: reviews}}}",
    ),
    ("{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1}}}",),
    (
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a, namespace: default}, spec: {hosts: [a.example.com, '*.wild.com'], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}}",
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a, namespace: default}, spec: {hosts: [b.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 10.0.0.1, serviceAccount: web}]}}",
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a, namespace: default}, spec: {hosts: [vm.example.com], location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, workloadSelector: {labels: {app: web}}}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: b, namespace: default, creationTimestamp: '2024-01-01T00:00:00Z'}, spec: {hosts: [b.example.com], ports: [{number: 81, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 10.0.0.60}]}}",
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: b, namespace: default}, spec: {hosts: [reviews.default.svc.cluster.local], ports: [{number: 9080, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 10.0.0.61}]}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm, namespace: default}, spec: {address: 10.0.0.7, labels: {app: web}, ports: {http: 8888}, serviceAccount: vm}}",
        "{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm, namespace: default}, spec: {address: 10.0.0.7, labels: {app: web}, ports: {http: 8889}, serviceAccount: vm}}",
        "{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm, namespace: default}, spec: {address: 10.0.0.7, labels: {app: none}}}",
    ),
    (
        "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: d, namespace: default}, spec: {mtls: {mode: DISABLE}}}",
        "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: d, namespace: default}, spec: {selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {'8080': {mode: DISABLE}}}}",
    ),
    (
        "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: m, namespace: istio-system}, spec: {mtls: {mode: STRICT}}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: default}, spec: {hosts: [reviews, web], http: [{match: [{sourceLabels: {app: web}}], route: [{destination: {host: web}}]}, {route: [{destination: {host: reviews, subset: v1}}]}]}}",
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: default}, spec: {hosts: ['*'], gateways: [istio-system/gw, mesh], exportTo: [istio-system], http: [{delegate: {name: leaf}}]}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: leaf, namespace: default}, spec: {http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: web}}]}]}}",
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: leaf, namespace: default}, spec: {hosts: [reviews], http: [{route: [{destination: {host: a.example.com}}]}]}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: default}, spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}}",
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: default}, spec: {host: '*.local', exportTo: [.], trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}}",
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: default}, spec: {host: reviews, workloadSelector: {matchLabels: {app: web}}, trafficPolicy: {tls: {mode: DISABLE}}}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r2, namespace: default}, spec: {host: reviews, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, subsets: [{name: v2, labels: {version: v2}}]}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: default, namespace: default}, spec: {egress: [{hosts: [./reviews.default.svc.cluster.local, other/*]}]}}",
        "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: default, namespace: default}, spec: {workloadSelector: {labels: {app: web}}, ingress: [{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:9000'}], egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: ['*/*']}, {hosts: ['~/*']}]}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: gw, namespace: istio-system}, spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}, {port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: cert}}]}}",
    ),
    (
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: default}, spec: {}}",
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: default}, spec: {selector: {matchLabels: {app: web}}, action: DENY, rules: [{}]}}",
    ),
    (
        "{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: t, namespace: istio-system}, spec: {accessLogging: [{providers: [{name: envoy}]}]}}",
    ),
    (
        "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: f, namespace: istio-system}, spec: {configPatches: [{applyTo: CLUSTER, match: {proxy: {metadata: {X: blue}}}, patch: {operation: MERGE, value: {}}}]}}",
    ),
    ("{apiVersion: v1, kind: Secret, metadata: {name: cert, namespace: istio-system}, stringData: {tls.crt: a, tls.key: b}}",),
)


@cache
def _object(slot: int, variant: int) -> Resource:
    (found,) = objects(SLOTS[slot][variant])
    return found


class Town:
    def __init__(self) -> None:
        self.store = Store()
        self.source = MemorySource(self.store)
        self.changes: list[Change] = []
        self.store.subscribe(self.changes.extend)
        self.snapshots = Snapshots()
        self.present: dict[int, int] = {}

    def put(self, slot: int, variant: int) -> None:
        self.source.put(_object(slot, variant))
        self.present[slot] = variant

    def drop(self, slot: int) -> None:
        if slot in self.present:
            item = _object(slot, self.present.pop(slot))
            self.source.delete(
                [
                    s.key
                    for s in self.store.list(item.kind)
                    if s.object.metadata.name == item.metadata.name and s.object.metadata.namespace == item.metadata.namespace
                ]
            )

    def advance(self) -> Snapshot:
        changes, self.changes[:] = tuple(self.changes), []
        return self.snapshots.advance(self.store, changes)


_STEP = st.sampled_from([(slot, variant) for slot, texts in enumerate(SLOTS) for variant in (*range(len(texts)), None)])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([[(4, 0), (14, 0)], [(14, 1)]])
@given(st.lists(st.lists(_STEP, min_size=1, max_size=6), min_size=1, max_size=8))
def test_changes_one_by_one_lead_to_the_same_world_as_all_at_once(batches: list[list[tuple[int, int | None]]]) -> None:
    town = Town()
    for batch in batches:
        for slot, variant in batch:
            town.drop(slot) if variant is None else town.put(slot, variant)
        now = picture(town.advance(), PROXIES)
    fresh = Town()
    for slot, variant in sorted(town.present.items()):
        fresh.put(slot, variant)
    assert now == picture(fresh.advance(), PROXIES)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations([(slot, 0) for slot in range(len(SLOTS))]), st.data())
def test_what_a_change_does_not_touch_stays_the_same_object(order: list[tuple[int, int]], data: st.DataObject) -> None:
    town = Town()
    for slot, variant in order:
        town.put(slot, variant)
    before = town.advance()
    views = {p.id: before.view(before.view_key(before.complete(p))) for p in PROXIES}
    pictures = picture(before, PROXIES)
    slot, variant = data.draw(_STEP)
    town.drop(slot) if variant is None else town.put(slot, variant)
    after = town.advance()
    new = picture(after, PROXIES)
    for claims in PROXIES:
        view = after.view(after.view_key(after.complete(claims)))
        old = pictures[claims.id]
        same = all(new[claims.id][part] == old[part] for part in ("key", "shape", "endpoints", "rules"))
        assert (view is views[claims.id]) == same
