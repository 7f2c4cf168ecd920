"""Every field that Ostria honours, by the message that holds it: one long table, so that nothing counts as done by accident."""

from collections.abc import Mapping

from ostria.api import meta, selectors
from ostria.api.extensions import traffic_extension, wasm_plugin
from ostria.api.kubernetes import (
    config_map,
    container,
    daemon_set,
    deployment,
    endpoint_slice,
    endpoints,
    environment,
    ip_address,
    job,
    namespace,
    node,
    pod,
    probe,
    references,
    secret,
    selector,
    service,
    service_account,
    stateful_set,
    volume,
)
from ostria.api.mesh import extension_provider, mesh_config
from ostria.api.mesh import proxy_config as mesh_proxy_config
from ostria.api.meta import Message
from ostria.api.networking import (
    connection_pool,
    destination,
    destination_rule,
    envoy_filter,
    gateway,
    server_tls,
    service_entry,
    sidecar,
    virtual_service,
    workload_entry,
    workload_group,
)
from ostria.api.networking import proxy_config as networking_proxy_config
from ostria.api.security import authorization_policy, peer_authentication, request_authentication
from ostria.api.telemetry import telemetry

_FIELDS: Mapping[type[Message], str] = {
    traffic_extension.TrafficExtension: "apiVersion kind metadata status",
    wasm_plugin.WasmPlugin: "apiVersion kind metadata status",
    config_map.ConfigMap: "apiVersion binaryData data kind metadata status",
    container.Capabilities: "add drop",
    container.Container: (
        "args command env envFrom image lifecycle livenessProbe name ports readinessProbe restartPolicy securityContext "
        "startupProbe volumeMounts workingDir"
    ),
    container.ContainerPort: "containerPort name protocol",
    container.SecurityContext: "capabilities runAsGroup runAsUser",
    container.VolumeMount: "mountPath name readOnly subPath subPathExpr",
    daemon_set.DaemonSet: "apiVersion kind metadata spec status",
    daemon_set.DaemonSetSpec: "selector template",
    deployment.Deployment: "apiVersion kind metadata spec status",
    deployment.DeploymentSpec: "paused replicas selector template",
    endpoint_slice.Endpoint: "addresses conditions hostname nodeName targetRef zone",
    endpoint_slice.EndpointConditions: "ready serving terminating",
    endpoint_slice.EndpointPort: "appProtocol name port protocol",
    endpoint_slice.EndpointSlice: "addressType apiVersion endpoints kind metadata ports status",
    endpoints.EndpointAddress: "hostname ip nodeName targetRef",
    endpoints.EndpointPort: "appProtocol name port protocol",
    endpoints.EndpointSubset: "addresses notReadyAddresses ports",
    endpoints.Endpoints: "apiVersion kind metadata status subsets",
    environment.EnvFromSource: "configMapRef prefix secretRef",
    environment.EnvSource: "name optional",
    environment.EnvVar: "name value valueFrom",
    environment.EnvVarSource: "configMapKeyRef fieldRef secretKeyRef",
    ip_address.IPAddress: "apiVersion kind metadata spec status",
    ip_address.IPAddressSpec: "parentRef",
    ip_address.ParentReference: "group name namespace resource",
    job.Job: "apiVersion kind metadata spec status",
    job.JobSpec: "backoffLimit completions parallelism suspend template",
    namespace.Namespace: "apiVersion kind metadata spec status",
    namespace.NamespaceSpec: "",
    node.Node: "apiVersion kind metadata spec status",
    node.NodeSpec: "",
    pod.DNSOption: "name value",
    pod.HostAlias: "hostnames ip",
    pod.Pod: "apiVersion kind metadata spec status",
    pod.PodDNSConfig: "nameservers options searches",
    pod.PodSecurityContext: "fsGroup runAsGroup runAsUser supplementalGroups",
    pod.PodSpec: (
        "containers dnsConfig dnsPolicy enableServiceLinks hostAliases hostname initContainers nodeName restartPolicy "
        "securityContext serviceAccount serviceAccountName subdomain terminationGracePeriodSeconds volumes"
    ),
    pod.PodTemplateSpec: "metadata spec",
    probe.ExecAction: "command",
    probe.GRPCAction: "port service",
    probe.HTTPGetAction: "host httpHeaders path port scheme",
    probe.HTTPHeader: "name value",
    probe.Lifecycle: "postStart preStop",
    probe.LifecycleHandler: "exec httpGet sleep tcpSocket",
    probe.Probe: (
        "exec failureThreshold grpc httpGet initialDelaySeconds periodSeconds successThreshold tcpSocket "
        "terminationGracePeriodSeconds timeoutSeconds"
    ),
    probe.SleepAction: "seconds",
    probe.TCPSocketAction: "host port",
    references.FieldReference: "apiVersion fieldPath",
    references.KeySelector: "key name optional",
    references.ObjectReference: "apiVersion fieldPath kind name namespace resourceVersion uid",
    secret.Secret: "apiVersion data kind metadata status stringData type",
    selector.Requirement: "key operator values",
    selector.Selector: "matchExpressions matchLabels",
    service.Service: "apiVersion kind metadata spec status",
    service.ServicePort: "appProtocol name port protocol targetPort",
    service.ServiceSpec: (
        "clusterIP clusterIPs externalName internalTrafficPolicy ipFamilies ipFamilyPolicy ports publishNotReadyAddresses "
        "selector trafficDistribution type"
    ),
    service_account.ServiceAccount: "apiVersion kind metadata status",
    stateful_set.Ordinals: "start",
    stateful_set.StatefulSet: "apiVersion kind metadata spec status",
    stateful_set.StatefulSetSpec: "ordinals podManagementPolicy replicas selector serviceName template",
    volume.ConfigMapVolume: "defaultMode items name optional",
    volume.DownwardAPIFile: "fieldRef mode path",
    volume.DownwardAPIProjection: "items",
    volume.DownwardAPIVolume: "defaultMode items",
    volume.EmptyDir: "",
    volume.KeyProjection: "items name optional",
    volume.KeyToPath: "key mode path",
    volume.ProjectedVolume: "defaultMode sources",
    volume.SecretVolume: "defaultMode items optional secretName",
    volume.ServiceAccountTokenProjection: "audience expirationSeconds path",
    volume.Volume: "configMap downwardAPI emptyDir name projected secret",
    volume.VolumeProjection: "configMap downwardAPI secret serviceAccountToken",
    extension_provider.ExtAuthzGrpc: "clearRouteCache failOpen includeRequestBodyInCheck port service statusOnError timeout",
    extension_provider.ExtAuthzHttp: (
        "clearRouteCache failOpen headersToDownstreamOnAllow headersToDownstreamOnDeny headersToUpstreamOnAllow "
        "includeAdditionalHeadersInCheck includeHeadersInCheck includeRequestBodyInCheck includeRequestHeadersInCheck "
        "pathPrefix port service statusOnError timeout"
    ),
    extension_provider.ExtensionProvider: (
        "envoyExtAuthzGrpc envoyExtAuthzHttp envoyFileAccessLog envoyHttpAls envoyOtelAls envoyTcpAls name prometheus"
    ),
    extension_provider.FileAccessLog: "logFormat omitEmptyValues path",
    extension_provider.HttpGrpcAccessLog: (
        "additionalRequestHeadersToLog additionalResponseHeadersToLog additionalResponseTrailersToLog filterStateObjectsToLog "
        "logName port service"
    ),
    extension_provider.LogFormat: "labels text",
    extension_provider.OpenTelemetryAccessLog: "logFormat logName port service",
    extension_provider.Prometheus: "",
    extension_provider.RequestBody: "allowPartialMessage maxRequestBytes packAsBytes",
    extension_provider.TcpGrpcAccessLog: "filterStateObjectsToLog logName port service",
    mesh_config.DefaultProviders: "accessLogging metrics",
    mesh_config.InboundTrafficPolicy: "mode",
    mesh_config.MeshConfig: (
        "accessLogEncoding accessLogFile accessLogFormat connectTimeout defaultConfig defaultDestinationRuleExportTo "
        "defaultHttpRetryPolicy defaultProviders defaultServiceExportTo defaultVirtualServiceExportTo disableEnvoyListenerLog "
        "discoverySelectors dnsRefreshRate enableAutoMtls extensionProviders h2UpgradePolicy inboundClusterStatName "
        "inboundTrafficPolicy localityLbSetting meshMTLS outboundClusterStatName outboundTrafficPolicy pathNormalization "
        "protocolDetectionTimeout proxyInboundListenPort proxyListenPort rootNamespace tcpKeepalive tlsDefaults trustDomain "
        "trustDomainAliases"
    ),
    mesh_config.OutboundTrafficPolicy: "mode",
    mesh_config.PathNormalization: "normalization",
    mesh_config.TLSConfig: "cipherSuites ecdhCurves minProtocolVersion",
    mesh_proxy_config.HeaderSwitch: "disabled",
    mesh_proxy_config.MeshProxyConfig: (
        "concurrency discoveryAddress drainDuration extraStatTags gatewayTopology holdApplicationUntilProxyStarts "
        "interceptionMode meshId proxyAdminPort proxyHeaders proxyMetadata proxyStatsMatcher serviceCluster statusPort "
        "terminationDrainDuration"
    ),
    mesh_proxy_config.ProxyHeaders: (
        "attemptCount forwardedClientCert preserveHttp1HeaderCase requestId server setCurrentClientCertDetails xForwardedHost "
        "xForwardedPort"
    ),
    mesh_proxy_config.ProxyProtocolListener: "",
    mesh_proxy_config.ProxyStatsMatcher: "inclusionPrefixes inclusionRegexps inclusionSuffixes",
    mesh_proxy_config.ServerHeader: "disabled value",
    mesh_proxy_config.SetCurrentClientCertDetails: "cert chain dns subject uri",
    mesh_proxy_config.Topology: "forwardClientCertDetails numTrustedProxies proxyProtocol",
    meta.ObjectMeta: "annotations creationTimestamp labels name namespace",
    connection_pool.ConnectionPoolSettings: "http tcp",
    connection_pool.HTTP2KeepAlive: "interval timeout",
    connection_pool.HTTPSettings: (
        "h2UpgradePolicy http1MaxPendingRequests http2KeepAlive http2MaxRequests idleTimeout maxConcurrentStreams "
        "maxRequestsPerConnection maxRetries useClientProtocol"
    ),
    connection_pool.TCPSettings: "connectTimeout idleTimeout maxConnectionDuration maxConnections tcpKeepalive",
    connection_pool.TcpKeepalive: "interval probes time",
    destination.Destination: "host port subset",
    destination.PortNumber: "number",
    destination_rule.BackendUtilizationLB: (
        "errorUtilizationPenaltyPercent metricNamesForComputingUtilization weightExpirationPeriod weightStabilizationPeriod "
        "weightUpdatePeriod"
    ),
    destination_rule.ClientTLSSettings: (
        "caCertificates caCrl clientCertificate credentialName insecureSkipVerify mode privateKey sni subjectAltNames"
    ),
    destination_rule.ConsistentHashLB: "httpCookie httpHeaderName httpQueryParameterName maglev minimumRingSize ringHash useSourceIp",
    destination_rule.CookieAttribute: "name value",
    destination_rule.DestinationRule: "apiVersion kind metadata spec status",
    destination_rule.DestinationRuleSpec: "exportTo host subsets trafficPolicy workloadSelector",
    destination_rule.Distribute: "from to",
    destination_rule.Failover: "from to",
    destination_rule.HTTPCookie: "attributes name path ttl",
    destination_rule.LoadBalancerSettings: "backendUtilization consistentHash localityLbSetting simple warmup warmupDurationSecs",
    destination_rule.LocalityLoadBalancerSetting: "distribute enabled failover failoverPriority",
    destination_rule.MagLev: "tableSize",
    destination_rule.OutlierDetection: (
        "baseEjectionTime consecutive5xxErrors consecutiveGatewayErrors consecutiveLocalOriginFailures interval "
        "maxEjectionPercent minHealthPercent outlierDetectionHttpErrorCodes splitExternalLocalOriginErrors"
    ),
    destination_rule.PortTrafficPolicy: "connectionPool loadBalancer outlierDetection port tls",
    destination_rule.ProxyProtocol: "version",
    destination_rule.RetryBudget: "minRetryConcurrency percent",
    destination_rule.RingHash: "minimumRingSize",
    destination_rule.Subset: "labels name trafficPolicy",
    destination_rule.TrafficPolicy: "connectionPool loadBalancer outlierDetection portLevelSettings proxyProtocol retryBudget tls tunnel",
    destination_rule.TunnelSettings: "protocol targetHost targetPort",
    destination_rule.WarmupConfiguration: "aggression duration minimumPercent",
    envoy_filter.ClusterMatch: "name portNumber service subset",
    envoy_filter.EnvoyConfigObjectMatch: "cluster context listener proxy routeConfiguration",
    envoy_filter.EnvoyConfigObjectPatch: "applyTo match patch",
    envoy_filter.EnvoyFilter: "apiVersion kind metadata spec status",
    envoy_filter.EnvoyFilterSpec: "configPatches priority targetRefs workloadSelector",
    envoy_filter.FilterChainMatch: "applicationProtocols destinationPort filter name sni transportProtocol transportSocket",
    envoy_filter.FilterMatch: "name subFilter",
    envoy_filter.ListenerMatch: "filterChain listenerFilter name portName portNumber",
    envoy_filter.NameMatch: "name",
    envoy_filter.Patch: "operation value",
    envoy_filter.ProxyMatch: "metadata proxyVersion",
    envoy_filter.RouteConfigurationMatch: "gateway name portName portNumber vhost",
    envoy_filter.RouteMatch: "action name",
    envoy_filter.VirtualHostMatch: "domainName name route",
    gateway.Gateway: "apiVersion kind metadata spec status",
    gateway.GatewaySpec: "selector servers",
    gateway.Server: "bind defaultEndpoint hosts name port tls",
    gateway.ServerPort: "name number protocol targetPort",
    networking_proxy_config.ProxyConfig: "apiVersion kind metadata spec status",
    networking_proxy_config.ProxyConfigSpec: "selector",
    server_tls.ServerTLSSettings: (
        "caCertCredentialName caCertificates caCrl cipherSuites credentialName credentialNames ecdhCurves httpsRedirect "
        "insecureSkipVerify maxProtocolVersion minProtocolVersion mode privateKey serverCertificate subjectAltNames "
        "tlsCertificates verifyCertificateHash verifyCertificateSpki"
    ),
    server_tls.TLSCertificate: "caCertificates privateKey serverCertificate",
    service_entry.ServiceEntry: "apiVersion kind metadata spec status",
    service_entry.ServiceEntrySpec: "addresses endpoints exportTo hosts location ports resolution subjectAltNames workloadSelector",
    service_entry.ServicePort: "name number protocol targetPort",
    sidecar.IstioEgressListener: "bind captureMode hosts port",
    sidecar.IstioIngressListener: "bind captureMode connectionPool defaultEndpoint port tls",
    sidecar.OutboundTrafficPolicy: "egressProxy mode",
    sidecar.Sidecar: "apiVersion kind metadata spec status",
    sidecar.SidecarPort: "name number protocol targetPort",
    sidecar.SidecarSpec: "egress inboundConnectionPool ingress outboundTrafficPolicy workloadSelector",
    virtual_service.Abort: "grpcStatus httpStatus percentage",
    virtual_service.CorsPolicy: (
        "allowCredentials allowHeaders allowMethods allowOrigin allowOrigins exposeHeaders maxAge unmatchedPreflights"
    ),
    virtual_service.Delay: "fixedDelay percent percentage",
    virtual_service.Delegate: "name namespace",
    virtual_service.HTTPBody: "bytes string",
    virtual_service.HTTPDirectResponse: "body status",
    virtual_service.HTTPFaultInjection: "abort delay",
    virtual_service.HTTPMatchRequest: (
        "authority gateways headers ignoreUriCase method name port queryParams scheme sourceLabels sourceNamespace statPrefix "
        "uri withoutHeaders"
    ),
    virtual_service.HTTPMirrorPolicy: "destination percentage",
    virtual_service.HTTPRedirect: "authority derivePort port prefixRewrite redirectCode scheme uri",
    virtual_service.HTTPRetry: "attempts backoff perTryTimeout retryIgnorePreviousHosts retryOn retryRemoteLocalities",
    virtual_service.HTTPRewrite: "authority uri uriRegexRewrite",
    virtual_service.HTTPRoute: (
        "corsPolicy delegate directResponse fault headers match mirror mirrorPercent mirrorPercentage mirrors name redirect "
        "retries rewrite route timeout"
    ),
    virtual_service.HTTPRouteDestination: "destination headers weight",
    virtual_service.HeaderOperations: "add remove set",
    virtual_service.Headers: "request response",
    virtual_service.L4MatchAttributes: "destinationSubnets gateways port sourceLabels sourceNamespace",
    virtual_service.Percent: "value",
    virtual_service.RegexRewrite: "match rewrite",
    virtual_service.RouteDestination: "destination weight",
    virtual_service.StringMatch: "exact prefix regex",
    virtual_service.TCPRoute: "match route",
    virtual_service.TLSMatchAttributes: "destinationSubnets gateways port sniHosts sourceLabels sourceNamespace",
    virtual_service.TLSRoute: "match route",
    virtual_service.VirtualService: "apiVersion kind metadata spec status",
    virtual_service.VirtualServiceSpec: "exportTo gateways hosts http tcp tls",
    workload_entry.WorkloadEntry: "apiVersion kind metadata spec status",
    workload_entry.WorkloadEntrySpec: "address labels locality network ports serviceAccount weight",
    workload_group.WorkloadGroup: "apiVersion kind metadata status",
    authorization_policy.AuthorizationPolicy: "apiVersion kind metadata spec status",
    authorization_policy.AuthorizationPolicySpec: "action provider rules selector targetRef targetRefs",
    authorization_policy.Condition: "key notValues values",
    authorization_policy.From: "source",
    authorization_policy.Operation: "hosts methods notHosts notMethods notPaths notPorts paths ports",
    authorization_policy.Rule: "from to when",
    authorization_policy.Source: (
        "ipBlocks namespaces notIpBlocks notNamespaces notPrincipals notRemoteIpBlocks notRequestPrincipals notServiceAccounts "
        "notTrustDomains principals remoteIpBlocks requestPrincipals serviceAccounts trustDomains"
    ),
    authorization_policy.To: "operation",
    peer_authentication.MutualTLS: "mode",
    peer_authentication.PeerAuthentication: "apiVersion kind metadata spec status",
    peer_authentication.PeerAuthenticationSpec: "mtls portLevelMtls selector",
    request_authentication.ClaimToHeader: "claim header",
    request_authentication.JWTHeader: "name prefix",
    request_authentication.JWTRule: (
        "audiences forwardOriginalToken fromCookies fromHeaders fromParams issuer jwks jwksUri outputClaimToHeaders "
        "outputPayloadToHeader presence spaceDelimitedClaims timeout"
    ),
    request_authentication.RequestAuthentication: "apiVersion kind metadata spec status",
    request_authentication.RequestAuthenticationSpec: "jwtRules selector targetRef targetRefs",
    selectors.LabelSelector: "labels",
    selectors.PolicyTargetReference: "group kind name namespace",
    selectors.WorkloadSelector: "matchLabels",
    telemetry.AccessLogFilter: "expression",
    telemetry.AccessLogging: "disabled filter match providers",
    telemetry.LogSelector: "mode",
    telemetry.ProviderRef: "name",
    telemetry.Telemetry: "apiVersion kind metadata spec status",
    telemetry.TelemetrySpec: "accessLogging selector targetRef targetRefs",
}
HONOURED: Mapping[type[Message], frozenset[str]] = {message: frozenset(fields.split()) for message, fields in _FIELDS.items()}
