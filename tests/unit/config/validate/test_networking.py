"""The other networking kinds, and Kubernetes' own."""

import pytest
from tests.unit.config.validate.rules import said

POLICY = "{host: a, trafficPolicy: {%s}}"
SERVER = "{servers: [{port: {number: 443, name: a, protocol: %s}, hosts: [a.b], %s}]}"
ENTRY = "{hosts: [a.b], ports: [{number: 80, name: http, protocol: HTTP}], %s}"
POD = "{containers: [{name: a, image: a, %s}]}"


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("DestinationRule", POLICY % "loadBalancer: {consistentHash: {httpCookie: {name: u, ttl: 0s}, maglev: {tableSize: 65537}}}"),
        (
            "DestinationRule",
            POLICY % "outlierDetection: {consecutive5xxErrors: 5, interval: 1s}, connectionPool: {tcp: {maxConnections: 1}}",
        ),
        (
            "DestinationRule",
            POLICY % "tls: {mode: MUTUAL, credentialName: c}, portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]",
        ),
        ("DestinationRule", "{host: '*.a.b', subsets: [{name: v1, labels: {version: v1}}, {name: v2}]}"),
        ("Gateway", SERVER % ("HTTPS", "tls: {mode: SIMPLE, credentialName: c}")),
        ("Gateway", SERVER % ("HTTP", "tls: {httpsRedirect: true}")),
        ("Gateway", SERVER % ("TLS", "tls: {mode: PASSTHROUGH}")),
        (
            "Gateway",
            "{selector: {istio: x}, servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*', './*', 'ns/*.a.b', 'a']}]}",
        ),
        ("ServiceEntry", ENTRY % "resolution: DNS"),
        ("ServiceEntry", ENTRY % "resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {http: 8080}}], exportTo: ['~']"),
        ("ServiceEntry", ENTRY % "resolution: STATIC, endpoints: [{address: 'unix:///run/a.sock'}]"),
        ("ServiceEntry", ENTRY % "addresses: [10.0.0.0/8], resolution: NONE"),
        ("ServiceEntry", "{hosts: ['*.a.b'], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DYNAMIC_DNS}"),
        ("Sidecar", "{egress: [{port: {number: 80, protocol: HTTP, name: e}, hosts: ['./a']}, {hosts: ['./*', 'b/*', '~/*']}]}"),
        ("Sidecar", "{ingress: [{port: {number: 80, protocol: HTTP, name: e}, defaultEndpoint: '127.0.0.1:8080'}]}"),
        ("EnvoyFilter", "{configPatches: [{applyTo: CLUSTER, match: {cluster: {name: a}}, patch: {operation: MERGE, value: {a: b}}}]}"),
        ("WorkloadEntry", "{address: a.example, labels: {app: a}}"),
        ("Telemetry", "{accessLogging: [{providers: [{name: envoy}], filter: {expression: 'response.code >= 400'}}]}"),
        ("Service", "{ports: [{name: http, port: 80, targetPort: web}, {name: dns, port: 53, protocol: UDP}], clusterIP: None}"),
        ("Service", "{type: ExternalName, externalName: a.example}"),
        ("Pod", POD % "ports: [{name: web, containerPort: 80}], readinessProbe: {httpGet: {path: /, port: web}}"),
        (
            "EndpointSlice",
            "addressType: IPv6\nendpoints: [{addresses: ['fd00::1']}]",
        ),
    ],
)
def test_good_objects(kind: str, spec: str) -> None:
    assert said(kind, spec) == {}


@pytest.mark.parametrize(
    ("kind", "spec", "field", "message"),
    [
        ("DestinationRule", "{host: 'a_b'}", "spec.host", "error: 'a_b' is not a host"),
        ("DestinationRule", POLICY % "", "spec.trafficPolicy", "error: the traffic policy is empty"),
        (
            "DestinationRule",
            "{host: a, subsets: [{name: v1}, {name: v1}]}",
            "spec.subsets[1].name",
            "error: the subset 'v1' is there twice",
        ),
        ("DestinationRule", POLICY % "tls: {mode: MUTUAL}", "spec.trafficPolicy.tls", "error: MUTUAL needs clientCertificate"),
        (
            "DestinationRule",
            POLICY % "tls: {mode: SIMPLE, credentialName: a, caCertificates: b}",
            "spec.trafficPolicy.tls.caCertificates",
            "error: caCert",
        ),
        (
            "DestinationRule",
            POLICY % "loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}",
            "spec.trafficPolicy.loadBalancer.consistentHash",
            "error: only one",
        ),
        (
            "DestinationRule",
            POLICY % "loadBalancer: {consistentHash: {useSourceIp: true, httpHeaderName: a}}",
            "spec.trafficPolicy.loadBalancer.consistentHash.useSourceIp",
            "error: only",
        ),
        (
            "DestinationRule",
            POLICY % "loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 100}}}",
            "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize",
            "error: 100 can't",
        ),
        (
            "DestinationRule",
            POLICY % "loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}",
            "spec.trafficPolicy.loadBalancer.localityLbSetting",
            "warning: without outlier",
        ),
        (
            "DestinationRule",
            POLICY % "loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {b/*: 50}}]}}",
            "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to",
            "error: the weights add up to 50",
        ),
        (
            "DestinationRule",
            POLICY % "outlierDetection: {maxEjectionPercent: 101}",
            "spec.trafficPolicy.outlierDetection.maxEjectionPercent",
            "error: 101 is not a percentage",
        ),
        (
            "DestinationRule",
            POLICY % "outlierDetection: {consecutiveLocalOriginFailures: 1}",
            "spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures",
            "error: local failures",
        ),
        ("DestinationRule", POLICY % "connectionPool: {}", "spec.trafficPolicy.connectionPool", "error: the connection pool is empty"),
        (
            "DestinationRule",
            POLICY % "connectionPool: {http: {maxRetries: -1}}",
            "spec.trafficPolicy.connectionPool.http.maxRetries",
            "error: -1 is negative",
        ),
        (
            "DestinationRule",
            POLICY % "portLevelSettings: [{tls: {mode: DISABLE}}]",
            "spec.trafficPolicy.portLevelSettings[0]",
            "error: the settings name no port",
        ),
        (
            "DestinationRule",
            "{host: a, workloadSelector: {matchLabels: {a: b}}, exportTo: ['*']}",
            "spec.exportTo",
            "error: a rule with a workloadSelector",
        ),
        ("Gateway", "{servers: []}", "spec", "error: a Gateway needs at least one server"),
        ("Gateway", SERVER % ("HTTPS", ""), "spec.servers[0]", "error: HTTPS needs tls settings"),
        ("Gateway", SERVER % ("HTTPS", "tls: {mode: SIMPLE}"), "spec.servers[0].tls", "error: SIMPLE needs credentialName"),
        (
            "Gateway",
            SERVER % ("HTTPS", "tls: {mode: ISTIO_MUTUAL, credentialName: a}"),
            "spec.servers[0].tls.credentialName",
            "error: ISTIO_MUTUAL uses",
        ),
        (
            "Gateway",
            SERVER % ("HTTPS", "tls: {mode: PASSTHROUGH, credentialName: a}"),
            "spec.servers[0].tls",
            "warning: PASSTHROUGH does not end TLS",
        ),
        ("Gateway", SERVER % ("HTTP", "tls: {mode: SIMPLE, credentialName: a}"), "spec.servers[0].tls", "error: a server of plain HTTP"),
        ("Gateway", SERVER % ("TCP", "tls: {mode: SIMPLE, credentialName: a}"), "spec.servers[0].tls", "error: TCP takes no tls"),
        ("Gateway", SERVER % ("SPDY", ""), "spec.servers[0].port.protocol", "error: 'SPDY' is not a protocol"),
        ("Gateway", SERVER % ("HTTP", "bind: a"), "spec.servers[0].bind", "error: 'a' is not an address"),
        ("ServiceEntry", "{hosts: ['*']}", "spec.hosts[0]", "error: '*' can't be the host"),
        ("ServiceEntry", ENTRY % "addresses: [10.0.0.0/8], resolution: DNS", "spec.addresses[0]", "error: a range of addresses"),
        ("ServiceEntry", ENTRY % "endpoints: [{address: 10.0.0.1}]", "spec.endpoints", "error: resolution NONE"),
        (
            "ServiceEntry",
            ENTRY % "resolution: STATIC, endpoints: [{address: a.b}]",
            "spec.endpoints[0].address",
            "error: 'a.b' is not an IP address",
        ),
        (
            "ServiceEntry",
            ENTRY % "resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {tcp: 1}}]",
            "spec.endpoints[0].ports.tcp",
            "error: the service has no port",
        ),
        ("ServiceEntry", "{hosts: ['*.a'], resolution: DNS}", "spec.hosts[0]", "error: '*.a' can't be looked up"),
        (
            "ServiceEntry",
            "{hosts: [a.b, c.d], resolution: DNS, ports: [{number: 1, name: t, protocol: TCP}]}",
            "spec.hosts",
            "error: on port 1 nothing tells",
        ),
        (
            "ServiceEntry",
            ENTRY % "resolution: STATIC, endpoints: [{address: 10.0.0.1}], workloadSelector: {labels: {a: b}}",
            "spec.endpoints",
            "error: workloadSelector and endpoints",
        ),
        (
            "ServiceEntry",
            "{hosts: [a.b], ports: [{number: 1, name: a}, {number: 1, name: a}]}",
            "spec.ports[1].number",
            "error: port 1 is there twice",
        ),
        ("Sidecar", "{}", "spec", "error: the Sidecar is empty"),
        ("Sidecar", "{egress: [{hosts: ['./*']}, {hosts: ['a/*']}]}", "spec.egress[0]", "error: the listener without a port"),
        ("Sidecar", "{egress: [{hosts: [reviews]}]}", "spec.egress[0].hosts[0]", "error: 'reviews' is not a host with its namespace"),
        ("Sidecar", "{egress: [{hosts: ['./*', './a']}]}", "spec.egress[0].hosts[1]", "warning: './a' is there already"),
        (
            "Sidecar",
            "{ingress: [{port: {number: 80}, defaultEndpoint: '10.0.0.1:80'}]}",
            "spec.ingress[0].defaultEndpoint",
            "error: '10.0.0.1:80' is not on the",
        ),
        (
            "Sidecar",
            "{outboundTrafficPolicy: {egressProxy: {host: a, port: {number: 80}}}}",
            "spec.outboundTrafficPolicy.egressProxy",
            "error: egressProxy needs",
        ),
        (
            "EnvoyFilter",
            "{configPatches: [{patch: {operation: MERGE, value: {a: b}}}]}",
            "spec.configPatches[0].applyTo",
            "error: the patch does not say",
        ),
        (
            "EnvoyFilter",
            "{configPatches: [{applyTo: CLUSTER, match: {listener: {}}, patch: {operation: REMOVE}}]}",
            "spec.configPatches[0].match.listener",
            "error: CLUSTER is",
        ),
        (
            "EnvoyFilter",
            "{configPatches: [{applyTo: CLUSTER, patch: {operation: ADD}}]}",
            "spec.configPatches[0].patch.value",
            "error: the patch has no value",
        ),
        ("WorkloadEntry", "{}", "spec", "error: the address is missing"),
        ("WorkloadEntry", "{address: 'unix:///a', ports: {a: 1}}", "spec.ports", "error: a Unix socket has no ports"),
        ("WorkloadGroup", "{template: {}, probe: {}}", "spec.probe", "error: a probe is exactly one"),
        ("Telemetry", "{tracing: [{}]}", "spec.tracing", "error: the field 'tracing' is not supported"),
        ("ProxyConfig", "{concurrency: 2}", "spec.concurrency", "error: the field 'concurrency' is not supported"),
        ("WasmPlugin", "{url: a}", "spec", "error: the field 'spec' is not supported"),
        ("Service", "{ports: [{port: 80}, {name: b, port: 80}]}", "spec.ports[0]", "error: with several ports, each needs a name"),
        ("Service", "{ports: [{name: a, port: 80}, {name: b, port: 80}]}", "spec.ports[1].port", "error: TCP port 80 is there twice"),
        ("Service", "{}", "spec.ports", "error: a Service needs at least one port"),
        ("Service", "{ports: [{port: 80}], sessionAffinity: ClientIP}", "spec.sessionAffinity", "warning: sidecars balance requests"),
        ("Service", "{type: ExternalName}", "spec.externalName", "error: '' is not a host"),
        ("Pod", "{containers: []}", "spec.containers", "error: a pod needs at least one container"),
        (
            "Pod",
            POD % "volumeMounts: [{name: v, mountPath: /v}]",
            "spec.containers[0].volumeMounts[0].name",
            "error: the pod has no volume called 'v'",
        ),
        ("Pod", POD % "livenessProbe: {}", "spec.containers[0].livenessProbe", "error: a probe is exactly one"),
        ("Pod", POD % "env: [{name: A, valueFrom: {}}]", "spec.containers[0].env[0].valueFrom", "error: valueFrom is exactly one"),
        (
            "Pod",
            "{containers: [{name: a, image: a}, {name: a, image: a}]}",
            "spec.containers[1].name",
            "error: the container 'a' is there twice",
        ),
        (
            "Pod",
            "{containers: [{name: a, image: a}], volumes: [{name: v, hostPath: {path: /}}]}",
            "spec.volumes[0].hostPath",
            "error: the field 'hostPath'",
        ),
        (
            "Deployment",
            "{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: a, image: a}]}}}",
            "spec.selector",
            "error: the selector does not",
        ),
        (
            "Deployment",
            "{selector: {}, template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}",
            "spec.template.spec.restartPolicy",
            "error: the pods of a",
        ),
        ("Job", "{template: {spec: {containers: [{name: a, image: a}]}}}", "spec.template.spec", "error: the pods of a Job end"),
        ("Secret", "data: {a: 'b c!'}", "data.a", "error: the value is not base64"),
        ("Secret", "type: kubernetes.io/tls", "data", "error: a Secret of type kubernetes.io/tls needs"),
        ("ConfigMap", "data: {'a b': c}", 'data["a b"]', "error: 'a b' is not a key"),
    ],
)
def test_bad_objects(kind: str, spec: str, field: str, message: str) -> None:
    found = said(kind, spec)
    assert field in found, found
    assert found[field].startswith(message), found


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ("name: A", "metadata.name"),
        ("name: a.b", "metadata.name"),
        ("namespace: a", "metadata"),
        ("name: a, namespace: A", "metadata.namespace"),
        ("name: a, labels: {'a b': c}", 'metadata.labels["a b"]'),
        ("name: a, labels: {a: '-'}", "metadata.labels.a"),
        ("name: a, creationTimestamp: yesterday", "metadata.creationTimestamp"),
        ("generateName: a-", "metadata"),
    ],
)
def test_bad_metadata(metadata: str, field: str) -> None:
    assert said("Service", "{ports: [{port: 80}]}", metadata).get(field, "").startswith("error")


def test_the_value_of_a_secret_is_never_shown() -> None:
    assert "hunter2" not in str(said("Secret", "data: {password: 'hunter2!'}"))
