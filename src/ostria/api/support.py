"""What becomes of every field of the API: honoured, without meaning here, or refused by name. No field is ignored in silence.

`HONOURED` (in `ostria.api.honoured`) is written out, so that a new field fails a test until somebody has decided about it. The two tables here are what a
user hears of: `status -v` lists fields without meaning, and an object that uses a refused field is refused with the reason. Fields are named as in YAML,
under the message that holds them. A field counts as used when it is written and is neither its default nor false.
"""

from collections.abc import Mapping

from ostria.api.extensions.traffic_extension import TrafficExtension
from ostria.api.extensions.wasm_plugin import WasmPlugin
from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.kubernetes.container import Container, ContainerPort, SecurityContext, VolumeMount
from ostria.api.kubernetes.daemon_set import DaemonSetSpec
from ostria.api.kubernetes.deployment import DeploymentSpec
from ostria.api.kubernetes.endpoint_slice import Endpoint
from ostria.api.kubernetes.environment import EnvVarSource
from ostria.api.kubernetes.job import JobSpec
from ostria.api.kubernetes.namespace import NamespaceSpec
from ostria.api.kubernetes.node import NodeSpec
from ostria.api.kubernetes.pod import PodSecurityContext, PodSpec
from ostria.api.kubernetes.probe import Lifecycle
from ostria.api.kubernetes.secret import Secret
from ostria.api.kubernetes.service import ServicePort, ServiceSpec
from ostria.api.kubernetes.service_account import ServiceAccount
from ostria.api.kubernetes.stateful_set import StatefulSetSpec
from ostria.api.kubernetes.volume import DownwardAPIFile, EmptyDir, Volume, VolumeProjection
from ostria.api.mesh.extension_provider import ExtensionProvider
from ostria.api.mesh.mesh_config import DefaultProviders, MeshConfig
from ostria.api.mesh.proxy_config import MeshProxyConfig, ProxyHeaders
from ostria.api.meta import Message, ObjectMeta
from ostria.api.networking.destination_rule import LoadBalancerSettings, OutlierDetection, RetryBudget
from ostria.api.networking.envoy_filter import EnvoyConfigObjectMatch, Patch
from ostria.api.networking.proxy_config import ProxyConfigSpec
from ostria.api.networking.virtual_service import Abort, Delay, L4MatchAttributes
from ostria.api.networking.workload_group import WorkloadGroup
from ostria.api.telemetry.telemetry import TelemetrySpec

Table = Mapping[type[Message], Mapping[str, str]]

_SCHEDULER = "one machine has no scheduler"
_NO_IMAGE = "an image is resolved to a local command, nothing is pulled"
_NO_TOKEN = "no token is mounted into an application"
_NO_RESOURCES = "processes share the machine and have no resources of their own"
_KERNEL = "applications run unprivileged, with every capability dropped and no new privileges"
_SERVER = "written by an API server"
_ROLLOUT = "a changed template replaces every pod at once"
_PUBLISH = "nothing but `--gateway-port` is published on the host"
_FOLDERS = "volumes are folders of the mesh"
_STORAGE = "there is no cluster storage on one machine; use emptyDir, configMap, secret, downwardAPI or projected"
_TRACING = "Ostria reports no spans yet"
_MORE_ROOTS = "plug in a CA with the Secret `cacerts`, whose root-cert.pem may hold several roots"


def _all(names: str, reason: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


NO_MEANING: Table = {
    ObjectMeta: _all(
        "finalizers ownerReferences managedFields selfLink generation resourceVersion uid deletionGracePeriodSeconds deletionTimestamp",
        _SERVER,
    ),
    ConfigMap: _all("immutable", "a file can always be changed"),
    Secret: _all("immutable", "a file can always be changed"),
    NamespaceSpec: _all("finalizers", _SERVER),
    NodeSpec: _all("podCIDR podCIDRs providerID unschedulable taints configSource externalID", _SCHEDULER),
    ServiceAccount: {
        "secrets": "tokens reach their agents directly",
        "imagePullSecrets": _NO_IMAGE,
        "automountServiceAccountToken": _NO_TOKEN,
    },
    PodSpec: {
        **_all(
            "nodeSelector affinity tolerations topologySpreadConstraints schedulerName schedulingGates hostUsers os overhead", _SCHEDULER
        ),
        **_all("priority priorityClassName preemptionPolicy runtimeClassName readinessGates resourceClaims resources", _SCHEDULER),
        "imagePullSecrets": _NO_IMAGE,
        "automountServiceAccountToken": _NO_TOKEN,
        "setHostnameAsFQDN": "applications see the machine's host name",
        "shareProcessNamespace": "all processes of a mesh share one PID namespace",
    },
    PodSecurityContext: _all(
        "runAsNonRoot seLinuxOptions seLinuxChangePolicy windowsOptions seccompProfile appArmorProfile fsGroupChangePolicy supplementalGroupsPolicy",
        _KERNEL,
    ),
    Container: {
        **_all("resources resizePolicy", "processes share the machine"),
        **_all("terminationMessagePath terminationMessagePolicy", "logs are kept per container"),
        **_all("stdin stdinOnce tty", "no terminal is attached"),
        "imagePullPolicy": _NO_IMAGE,
    },
    SecurityContext: _all(
        "runAsNonRoot readOnlyRootFilesystem procMount seLinuxOptions windowsOptions seccompProfile appArmorProfile allowPrivilegeEscalation",
        _KERNEL,
    ),
    VolumeMount: _all("mountPropagation recursiveReadOnly", _FOLDERS),
    EmptyDir: _all("medium sizeLimit", _FOLDERS),
    DeploymentSpec: _all("strategy minReadySeconds revisionHistoryLimit progressDeadlineSeconds", _ROLLOUT),
    StatefulSetSpec: _all("updateStrategy minReadySeconds revisionHistoryLimit persistentVolumeClaimRetentionPolicy", _ROLLOUT),
    DaemonSetSpec: _all("updateStrategy minReadySeconds revisionHistoryLimit", _ROLLOUT),
    JobSpec: _all("selector manualSelector managedBy podReplacementPolicy ttlSecondsAfterFinished", "a Job is run once, and kept"),
    ServiceSpec: {
        **_all("externalTrafficPolicy healthCheckNodePort loadBalancerIP loadBalancerClass loadBalancerSourceRanges", _PUBLISH),
        "allocateLoadBalancerNodePorts": _PUBLISH,
        **_all("sessionAffinity sessionAffinityConfig", "sidecars balance requests; a DestinationRule with consistentHash keeps sessions"),
    },
    ServicePort: {"nodePort": _PUBLISH},
    Endpoint: {"hints": "one machine has one zone", "deprecatedTopology": "nodes and zones have fields of their own"},
    ProxyConfigSpec: {"image": "the bundled Envoy is the only one"},
    WorkloadGroup: {"spec": "workloads of other machines do not register themselves"},
    OutlierDetection: {"consecutiveErrors": "deprecated in Istio; write consecutive5xxErrors or consecutiveGatewayErrors"},
    MeshConfig: {
        **_all("ingressClass ingressService ingressControllerMode ingressSelector", "Ingress is not read; a Gateway selects its proxies"),
        **_all("serviceSettings serviceScopeConfigs", "one mesh is one cluster"),
        "enableTracing": "no spans are reported yet",
        "enablePrometheusMerge": "the agent serves Envoy's and the application's metrics together",
        "verifyCertificateAtClient": "deprecated in Istio; certificates are verified unless a DestinationRule says insecureSkipVerify",
    },
    MeshProxyConfig: {
        **_all("configPath binaryPath customConfigFile proxyBootstrapTemplatePath", "the agent makes Envoy's bootstrap itself"),
        **_all("controlPlaneAuthPolicy discoveryRefreshDelay sds", "agents authenticate with the token of their workload"),
        **_all("parentShutdownDuration availabilityZone image", "the bundled Envoy is never restarted hot"),
        **_all("statNameLength statsCompression fileFlushInterval fileFlushMinSizeKb", "Envoy's own default is used"),
    },
    ProxyHeaders: {"metadataExchangeHeaders": "stock Envoy has no metadata exchange"},
}
"""Accepted, and of no effect where there is one machine and no cluster; each with the reason."""

REFUSED: Table = {
    WasmPlugin: {"spec": "Ostria runs no WebAssembly plugins yet; stock Envoy filters can be added with an EnvoyFilter"},
    TrafficExtension: {"spec": "Ostria runs no traffic extensions yet; stock Envoy filters can be added with an EnvoyFilter"},
    TelemetrySpec: {"tracing": _TRACING, "metrics": "Ostria's metrics can't be changed yet; Envoy's own statistics are on port 15090"},
    ProxyConfigSpec: _all("concurrency environmentVariables", "write the annotation proxy.istio.io/config on the pod"),
    EnvoyConfigObjectMatch: {"waypoint": "there are no waypoints"},
    Patch: {"filterClass": "write INSERT_BEFORE or INSERT_FIRST to place a filter"},
    LoadBalancerSettings: {
        "zoneAwareLbSetting": "Envoy would have to know the endpoints of the client's own service; write localityLbSetting"
    },
    RetryBudget: {"budgetInterval": "Envoy's retry budget has no interval"},
    Abort: {"http2Error": "HTTP/2 errors can't be injected; set httpStatus or grpcStatus"},
    Delay: {"exponentialDelay": "Istio does not support it either; write fixedDelay"},
    L4MatchAttributes: {"sourceSubnet": "Istio does not match it either; write an AuthorizationPolicy with ipBlocks"},
    ObjectMeta: {
        "generateName": "an object in a file needs a name of its own: write metadata.name",
    },
    Volume: {
        **_all(
            "hostPath persistentVolumeClaim ephemeral csi image nfs iscsi fc rbd cephfs cinder flocker flexVolume glusterfs gitRepo",
            _STORAGE,
        ),
        **_all("awsElasticBlockStore azureDisk azureFile gcePersistentDisk photonPersistentDisk portworxVolume quobyte scaleIO", _STORAGE),
        **_all("storageos vsphereVolume", _STORAGE),
    },
    VolumeProjection: _all("clusterTrustBundle podCertificate", "certificates of workloads are served by their sidecars"),
    DownwardAPIFile: {"resourceFieldRef": _NO_RESOURCES},
    PodSpec: {
        **_all("hostNetwork hostPID hostIPC", "a workload never shares the host's namespaces"),
        "activeDeadlineSeconds": "stop the workload instead",
        "ephemeralContainers": "use `ostria exec` to look into a running workload",
        "hostnameOverride": "write hostname and subdomain",
    },
    Container: {"volumeDevices": _STORAGE, "restartPolicyRules": "write restartPolicy"},
    ContainerPort: _all("hostPort hostIP", _PUBLISH),
    SecurityContext: {"privileged": _KERNEL},
    PodSecurityContext: {"sysctls": _KERNEL},
    EnvVarSource: {"fileKeyRef": "use a ConfigMap", "resourceFieldRef": _NO_RESOURCES},
    Lifecycle: {"stopSignal": "containers are stopped with SIGTERM"},
    StatefulSetSpec: {"volumeClaimTemplates": _STORAGE},
    JobSpec: {
        **_all("podFailurePolicy successPolicy backoffLimitPerIndex maxFailedIndexes", "write backoffLimit"),
        "activeDeadlineSeconds": "stop the Job instead",
        "completionMode": "the pods of a Job are all alike",
    },
    ServiceSpec: {"externalIPs": _PUBLISH},
    MeshConfig: {
        "ca": "certificates are signed by Ostria's own authority; plug in a CA with the Secret `cacerts`",
        "caCertificates": _MORE_ROOTS,
        "certificates": "deprecated in Istio; use cert-manager or files",
        "configSources": "configuration is read from files",
        "compliancePolicy": "the bundled Envoy is not a FIPS build",
        "enableEnvoyAccessLogService": "name an extension provider with envoyHttpAls instead",
        "proxyHttpPort": "`ostria up --no-capture` gives each workload a proxy port",
    },
    DefaultProviders: {"tracing": _TRACING},
    ExtensionProvider: {
        **_all("lightstep opencensus", "removed from Envoy; use opentelemetry"),
        **_all("zipkin datadog skywalking opentelemetry", _TRACING),
        "sds": "certificates come from Secrets",
        "stackdriver": "write the logs to a file or to an OpenTelemetry collector",
    },
    MeshProxyConfig: {
        **_all("tracing zipkinAddress tracingServiceName", _TRACING),
        **_all("envoyAccessLogService envoyMetricsService envoyMetricsServiceAddress", "name an extension provider instead"),
        "caCertificatesPem": _MORE_ROOTS,
        "privateKeyProvider": "the bundled Envoy has none",
        "readinessProbe": "probes belong to pods",
        "runtimeValues": "Envoy's runtime can't be set",
        "statsdUdpAddress": "metrics are scraped from port 15020",
        "statsEvictionInterval": "Envoy keeps its statistics",
    },
    ProxyHeaders: {"envoyDebugHeaders": "Envoy's x-envoy headers can't be turned off"},
}
"""Not done, and refused wherever it is used; each with the reason or with what to do instead."""
