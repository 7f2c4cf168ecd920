"""What becomes of every field of the API: honoured, without meaning here, or refused by name. No field is ignored in silence.

`HONOURED` (in `ostria.api.honoured`) is written out, so that a new field fails a test until somebody has decided about it. The two tables here are what a
user hears of: `status -v` lists fields without meaning, and an object that uses a refused field is refused with the reason. Fields are named as in YAML,
under the message that holds them. A field counts as used when it is written and is neither its default nor false.
"""

from collections.abc import Mapping

from ostria.api.extensions.traffic_extension import TrafficExtension
from ostria.api.extensions.wasm_plugin import WasmPlugin
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
from ostria.api.kubernetes.service import ServicePort, ServiceSpec
from ostria.api.kubernetes.service_account import ServiceAccount
from ostria.api.kubernetes.stateful_set import StatefulSetSpec
from ostria.api.kubernetes.volume import Volume, VolumeProjection
from ostria.api.mesh.extension_provider import ExtensionProvider
from ostria.api.mesh.mesh_config import CertificateData, MeshConfig
from ostria.api.mesh.proxy_config import MeshProxyConfig
from ostria.api.meta import Message, ObjectMeta
from ostria.api.networking.proxy_config import ProxyConfigSpec
from ostria.api.networking.virtual_service import Abort, Delay
from ostria.api.telemetry.telemetry import TelemetrySpec

Table = Mapping[type[Message], Mapping[str, str]]

_SCHEDULER = "one machine has no scheduler"
_NO_IMAGE = "an image is resolved to a local command, nothing is pulled"
_KERNEL = "applications run unprivileged, with every capability dropped and no new privileges"
_SERVER = "written by an API server"
_ROLLOUT = "a changed template replaces every pod at once"
_PUBLISH = "nothing but `--gateway-port` is published on the host"

NO_MEANING: Table = {
    ObjectMeta: dict.fromkeys(
        [
            "finalizers",
            "ownerReferences",
            "managedFields",
            "selfLink",
            "generation",
            "resourceVersion",
            "uid",
            "deletionGracePeriodSeconds",
        ],
        _SERVER,
    ),
    NamespaceSpec: {"finalizers": _SERVER},
    NodeSpec: dict.fromkeys(["podCIDR", "podCIDRs", "providerID", "unschedulable", "taints", "configSource", "externalID"], _SCHEDULER),
    ServiceAccount: {
        "secrets": "tokens reach their agents directly",
        "imagePullSecrets": _NO_IMAGE,
        "automountServiceAccountToken": "no token is mounted into an application",
    },
    PodSpec: {
        **dict.fromkeys(
            [
                "nodeSelector",
                "affinity",
                "tolerations",
                "topologySpreadConstraints",
                "schedulerName",
                "priority",
                "priorityClassName",
                "preemptionPolicy",
            ],
            _SCHEDULER,
        ),
        **dict.fromkeys(
            ["runtimeClassName", "overhead", "resourceClaims", "resources", "os", "schedulingGates", "readinessGates", "hostUsers"],
            _SCHEDULER,
        ),
        "imagePullSecrets": _NO_IMAGE,
        "automountServiceAccountToken": "no token is mounted into an application",
    },
    PodSecurityContext: dict.fromkeys(
        [
            "seLinuxOptions",
            "seLinuxChangePolicy",
            "windowsOptions",
            "seccompProfile",
            "appArmorProfile",
            "fsGroupChangePolicy",
            "supplementalGroupsPolicy",
        ],
        _KERNEL,
    ),
    Container: {
        "resources": "processes share the machine",
        "resizePolicy": "processes share the machine",
        "imagePullPolicy": _NO_IMAGE,
        "terminationMessagePath": "logs are kept per container",
        "terminationMessagePolicy": "logs are kept per container",
    },
    SecurityContext: dict.fromkeys(
        ["procMount", "seLinuxOptions", "windowsOptions", "seccompProfile", "appArmorProfile", "allowPrivilegeEscalation"], _KERNEL
    ),
    VolumeMount: dict.fromkeys(["mountPropagation", "recursiveReadOnly"], "volumes are folders of the mesh"),
    DeploymentSpec: dict.fromkeys(["strategy", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"], _ROLLOUT),
    StatefulSetSpec: dict.fromkeys(
        ["updateStrategy", "minReadySeconds", "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy"], _ROLLOUT
    ),
    DaemonSetSpec: dict.fromkeys(["updateStrategy", "minReadySeconds", "revisionHistoryLimit"], _ROLLOUT),
    JobSpec: dict.fromkeys(["selector", "manualSelector", "managedBy", "podReplacementPolicy"], _SERVER),
    ServiceSpec: {
        **dict.fromkeys(
            ["externalTrafficPolicy", "healthCheckNodePort", "loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges"], _PUBLISH
        ),
        "allocateLoadBalancerNodePorts": _PUBLISH,
    },
    ServicePort: {"nodePort": _PUBLISH},
    Endpoint: {"hints": "one machine has one zone", "deprecatedTopology": "nodes and zones have fields of their own"},
    ProxyConfigSpec: {"image": "the bundled Envoy is the only one"},
    MeshConfig: {
        **dict.fromkeys(
            ["ingressClass", "ingressService", "ingressControllerMode", "ingressSelector"],
            "Ingress is not read; a Gateway selects its proxies",
        ),
        "serviceSettings": "one mesh is one cluster",
        "serviceScopeConfigs": "one mesh is one cluster",
        "enableTracing": "no spans are reported yet",
    },
    MeshProxyConfig: {
        **dict.fromkeys(
            ["configPath", "binaryPath", "customConfigFile", "proxyBootstrapTemplatePath"], "the agent makes Envoy's bootstrap itself"
        ),
        **dict.fromkeys(
            ["controlPlaneAuthPolicy", "discoveryAddress", "discoveryRefreshDelay", "sds"],
            "the supervisor tells agents where the control plane is",
        ),
        **dict.fromkeys(["parentShutdownDuration", "availabilityZone", "image"], "Envoy is not restarted hot"),
    },
}
"""Accepted, and of no effect where there is one machine and no cluster; each with the reason."""

_STORAGE = "there is no cluster storage on one machine; use emptyDir, configMap, secret, downwardAPI or projected"
_HOST = "a workload never shares the host's namespaces"
_TRACING = "Ostria reports no spans yet"
_TYPED_FOLDERS = "hostPath persistentVolumeClaim ephemeral csi image nfs iscsi fc rbd cephfs cinder flocker flexVolume glusterfs gitRepo"
_VENDOR_VOLUMES = (
    "awsElasticBlockStore azureDisk azureFile gcePersistentDisk photonPersistentDisk portworxVolume quobyte scaleIO storageos vsphereVolume"
)

REFUSED: Table = {
    WasmPlugin: {"spec": "Ostria runs no WebAssembly plugins yet; stock Envoy filters can be added with an EnvoyFilter"},
    TrafficExtension: {"spec": "Ostria runs no traffic extensions yet; stock Envoy filters can be added with an EnvoyFilter"},
    TelemetrySpec: {"tracing": _TRACING, "metrics": "Ostria's metrics can't be changed yet; Envoy's own statistics are on port 15090"},
    ObjectMeta: {
        "generateName": "an object in a file needs a name of its own: write metadata.name",
        "deletionTimestamp": "delete the object instead",
    },
    Volume: dict.fromkeys(f"{_TYPED_FOLDERS} {_VENDOR_VOLUMES}".split(), _STORAGE),
    VolumeProjection: dict.fromkeys(["clusterTrustBundle", "podCertificate"], "certificates of workloads are served by their sidecars"),
    PodSpec: {
        **dict.fromkeys(["hostNetwork", "hostPID", "hostIPC"], _HOST),
        "ephemeralContainers": "use `ostria exec` to look into a running workload",
        "hostnameOverride": "write hostname and subdomain",
    },
    Container: {"volumeDevices": _STORAGE, "restartPolicyRules": "write restartPolicy"},
    ContainerPort: {"hostPort": _PUBLISH, "hostIP": _PUBLISH},
    SecurityContext: {"privileged": _KERNEL},
    PodSecurityContext: {"sysctls": _KERNEL},
    EnvVarSource: {"fileKeyRef": "use a ConfigMap"},
    Lifecycle: {"stopSignal": "containers are stopped with SIGTERM"},
    StatefulSetSpec: {"volumeClaimTemplates": _STORAGE},
    JobSpec: dict.fromkeys(["podFailurePolicy", "successPolicy", "backoffLimitPerIndex", "maxFailedIndexes"], "write backoffLimit"),
    ServiceSpec: {"externalIPs": _PUBLISH},
    MeshConfig: {
        "ca": "certificates are signed by Ostria's own authority; plug in a CA with the Secret `cacerts`",
        "certificates": "deprecated in Istio; use cert-manager or files",
        "configSources": "configuration is read from files",
        "compliancePolicy": "the bundled Envoy is not a FIPS build",
        "enableEnvoyAccessLogService": "name an extension provider with envoyHttpAls instead",
    },
    Abort: {"http2Error": "write httpStatus or grpcStatus"},
    Delay: {"exponentialDelay": "write fixedDelay"},
    CertificateData: {"spiffeBundleUrl": "write the certificates in pem"},
    ExtensionProvider: {
        **dict.fromkeys(["lightstep", "opencensus"], "removed from Envoy; use opentelemetry"),
        **dict.fromkeys(["zipkin", "datadog", "skywalking", "opentelemetry"], _TRACING),
        "sds": "certificates come from Secrets",
    },
    MeshProxyConfig: {
        **dict.fromkeys(["tracing", "zipkinAddress", "tracingServiceName"], _TRACING),
        "privateKeyProvider": "the bundled Envoy has none",
        "readinessProbe": "probes belong to pods",
        **dict.fromkeys(
            ["envoyAccessLogService", "envoyMetricsService", "envoyMetricsServiceAddress"], "name an extension provider instead"
        ),
    },
}
"""Not done, and refused wherever it is used; each with the reason or with what to do instead."""
