"""A town that anything can happen to: objects that share few names, so that whatever changes meets something that it matters to.

Each slot is one object; its texts are what that object may be turned into. `Town` puts and drops them, in any order, and makes the next snapshot when told.
"""

import json
from collections.abc import Iterable
from functools import cache

from hypothesis import strategies as st
from tests.unit.snapshot.yamls import thing
from tests.unit.translate.secrets.certificates import certificate
from tests.unit.world import objects, pod, proxy, router, service

from ostria.api.meta import Resource
from ostria.config.memory import MemorySource
from ostria.config.store import Change, Store
from ostria.registry.model import Locality
from ostria.snapshot.snapshots import Snapshot, Snapshots
from ostria.snapshot.view import Generator, ProxyType

PROXIES = [
    proxy("web", addresses=("10.0.0.1",), labels={"app": "web"}),
    proxy("web", authenticated=True, id="proved", service_account="web"),
    proxy("web", id="elsewhere", addresses=("10.0.0.1",), labels={"app": "web"}, locality=Locality("eu", "eu-2"), network="n2"),
    proxy("reviews", labels={"app": "reviews"}),
    proxy("other", "other", labels={"app": "other", "version": "v1"}),
    proxy("vm", labels={}, addresses=("10.0.0.7",)),
    router(labels={"istio": "ingressgateway"}, addresses=("10.0.0.9",)),
    proxy("quiet", "quiet", labels={}, type=ProxyType.SIDECAR),
    proxy("grpc", labels={"app": "grpc"}, generator=Generator.GRPC),
    proxy("names", labels={"app": "web"}, vhds=True, dns_capture=True, dns_auto_allocate=True, metadata={"X": "blue"}),
    proxy("open", "other", labels={"app": "web"}, captured=False, http_proxy_port=15002, addresses=("10.0.0.4",)),
    proxy("asks", "other", labels={"app": "web"}, vhds=True, on_demand=True),
    proxy("asks", captured=False, http_proxy_port=15002, vhds=True, on_demand=True, addresses=("10.0.0.4",)),
]


def _patch(name: str, *patches: str) -> str:
    return thing("EnvoyFilter", name, f"configPatches: [{', '.join(patches)}]")


def _mesh(**settings: object) -> str:
    data = json.dumps({"mesh": json.dumps(settings)})
    return f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: istio, namespace: istio-system}}, data: {data}}}"


def _secret(name: str, chain: str, key: str) -> str:
    data = json.dumps({"tls.crt": chain, "tls.key": key})
    return f"{{apiVersion: v1, kind: Secret, metadata: {{name: {name}, namespace: istio-system}}, type: kubernetes.io/tls, stringData: {data}}}"


_LUA = (
    "{applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}},"
    " patch: {operation: INSERT_BEFORE, value: {name: lua, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: 'x = 1'}}}}}"
)
_EXTENSION = "{applyTo: EXTENSION_CONFIG, patch: {operation: ADD, value: {name: ext, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: 'x = 2'}}}}}"

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
    (
        _secret("cert", *certificate("a.com")),
        _secret("cert", *certificate("b.com")),
    ),
    (
        _mesh(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}, accessLogFile="/dev/stdout"),
        _mesh(discoverySelectors=[{"matchLabels": {"mesh": "in"}}]),
        _mesh(trustDomain="else.org", defaultServiceExportTo=["."], localityLbSetting={"enabled": False}),
        _mesh(defaultVirtualServiceExportTo=["."], defaultDestinationRuleExportTo=["."], enableAutoMtls=False),
    ),
    (
        "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {mesh: in}}}",
        "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {mesh: out}}}",
    ),
    ("{apiVersion: v1, kind: Namespace, metadata: {name: other, labels: {mesh: in}}}",),
    (
        thing(
            "Gateway",
            "gw2",
            "selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.local'], tls: {mode: AUTO_PASSTHROUGH}}]",
        ),
        thing(
            "Gateway",
            "gw2",
            "selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com], tls: {httpsRedirect: true}}]",
        ),
        thing(
            "Gateway",
            "gw2",
            "selector: {app: web}, servers: [{port: {number: 8443, name: t, protocol: TLS}, hosts: [a.example.com], tls: {mode: PASSTHROUGH}}]",
        ),
    ),
    (
        thing(
            "VirtualService",
            "w",
            "hosts: [a.example.com], tls: [{match: [{port: 443, sniHosts: [a.example.com]}], route: [{destination: {host: a.example.com, port: {number: 443}}}]}]",
        ),
        thing(
            "VirtualService",
            "w",
            "hosts: [web], tcp: [{match: [{port: 3306}], route: [{destination: {host: web, port: {number: 3306}}, weight: 90}, {destination: {host: reviews}, weight: 10}]}]",
        ),
        thing(
            "VirtualService",
            "w",
            "hosts: [reviews], http: [{match: [{sourceNamespace: other}], fault: {abort: {httpStatus: 418, percentage: {value: 50}}}, route: [{destination: {host: reviews}}]}, {mirror: {host: web}, route: [{destination: {host: reviews}}]}]",
            created="2023-01-01T00:00:00Z",
        ),
        thing(
            "VirtualService",
            "w",
            "hosts: [a.com], gateways: [default/gw2, istio-system/gw], http: [{route: [{destination: {host: front, port: {number: 8080}}}]}]",
        ),
    ),
    (
        thing("DestinationRule", "third", "host: reviews.default.svc.cluster.local, trafficPolicy: {tls: {mode: MUTUAL}}", "other"),
        thing(
            "DestinationRule",
            "third",
            "host: reviews.default.svc.cluster.local, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 2}, loadBalancer: {consistentHash: {httpHeaderName: x}, localityLbSetting: {enabled: true}}}",
            "other",
        ),
        thing(
            "DestinationRule",
            "third",
            "host: '*.com', trafficPolicy: {tls: {mode: SIMPLE, sni: z.com}, portLevelSettings: [{port: {number: 81}, loadBalancer: {simple: ROUND_ROBIN}}]}",
            "other",
        ),
    ),
    (
        thing("Sidecar", "other", "egress: [{hosts: ['default/*']}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}", "other"),
        thing(
            "Sidecar",
            "other",
            "workloadSelector: {labels: {version: v1}}, egress: [{hosts: ['*/reviews.default.svc.cluster.local']}]",
            "other",
        ),
    ),
    (thing("Sidecar", "default", "egress: [{hosts: ['./*', 'istio-system/*']}]", "istio-system"),),
    (
        thing(
            "AuthorizationPolicy",
            "all",
            "rules: [{from: [{source: {namespaces: [default], notPrincipals: ['cluster.local/ns/x/sa/y']}}], to: [{operation: {methods: [GET], ports: ['8080']}}]}]",
            "istio-system",
        ),
        thing(
            "AuthorizationPolicy",
            "all",
            "selector: {matchLabels: {app: reviews}}, rules: [{when: [{key: 'request.auth.claims[a]', values: [b]}]}]",
            "istio-system",
        ),
        thing(
            "AuthorizationPolicy",
            "all",
            "selector: {matchLabels: {istio: ingressgateway}}, action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]",
            "istio-system",
        ),
    ),
    (
        thing("RequestAuthentication", "jwt", "jwtRules: [{issuer: me, jwks: '{\"keys\":[]}'}]"),
        thing(
            "RequestAuthentication",
            "jwt",
            "selector: {matchLabels: {app: web}}, jwtRules: [{issuer: you, jwks: '{\"keys\":[]}', fromParams: [token]}]",
        ),
    ),
    (
        thing("Telemetry", "t2", "accessLogging: [{providers: [{name: envoy}], filter: {expression: 'response.code >= 400'}}]"),
        thing("Telemetry", "t2", "selector: {matchLabels: {app: web}}, accessLogging: [{providers: [{name: envoy}], disabled: true}]"),
    ),
    (
        _patch(
            "cluster",
            "{applyTo: CLUSTER, match: {cluster: {service: reviews.default.svc.cluster.local}}, patch: {operation: MERGE, value: {connect_timeout: 3s}}}",
        ),
        _patch("cluster", _LUA, _EXTENSION),
        _patch(
            "cluster",
            "{applyTo: VIRTUAL_HOST, match: {context: SIDECAR_OUTBOUND}, patch: {operation: MERGE, value: {response_headers_to_remove: [x-a]}}}",
        ),
        _patch("cluster", "{applyTo: CLUSTER, patch: {operation: MERGE, value: {conect_timeout: 3s}}}"),
        _patch(
            "cluster",
            "{applyTo: CLUSTER, patch: {operation: ADD, value: {name: added, connect_timeout: 1s}}}",
            "{applyTo: CLUSTER, match: {cluster: {name: PassthroughCluster}}, patch: {operation: REMOVE}}",
        ),
    ),
    (_patch("late", "{applyTo: CLUSTER, match: {proxy: {metadata: {X: blue}}}, patch: {operation: MERGE, value: {connect_timeout: 7s}}}"),),
    (
        pod("grpc", "10.0.0.6", labels={"app": "grpc"}, ports=[("grpc", 9080)]),
        pod("grpc", "10.0.0.6", labels={"app": "reviews", "version": "v1"}, node="n1", account="web"),
    ),
    (
        thing(
            "ServiceEntry",
            "wild",
            "hosts: ['*.wild.org'], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DYNAMIC_DNS, location: MESH_EXTERNAL",
        ),
        thing(
            "ServiceEntry",
            "wild",
            "hosts: [net.org], addresses: [192.168.0.0/16], ports: [{number: 6379, name: tcp, protocol: TCP}], resolution: NONE, exportTo: ['.']",
        ),
    ),
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

    def live(self, steps: Iterable[tuple[int, int | None]]) -> None:
        for slot, variant in steps:
            self.drop(slot) if variant is None else self.put(slot, variant)

    def advance(self) -> Snapshot:
        changes, self.changes[:] = tuple(self.changes), []
        return self.snapshots.advance(self.store, changes)


STEPS = st.sampled_from([(slot, variant) for slot, texts in enumerate(SLOTS) for variant in (*range(len(texts)), None)])
"""Something that happens: a slot and the text that it gets, or None when the object goes."""

STREETS = st.tuples(*(st.sampled_from((None, *range(len(texts)))) for texts in SLOTS))
"""A whole town to begin with: for each slot its text, or None."""
