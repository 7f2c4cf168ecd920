"""TLS towards an upstream: what the rule says, or mutual TLS found out by itself.

Found out (auto mTLS) means that each endpoint carries `tlsMode` and the cluster picks the socket by it, so that one cluster serves endpoints
with and without a sidecar. Who answers a mutual TLS connection is always checked against the identities that the endpoints run as.
"""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.proxy_protocol_pb2 import ProxyProtocolConfig
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import ProxyProtocolUpstreamTransport
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from msgspec.structs import replace

from ostria.api.networking.destination_rule import ClientTLSSettings, ProxyProtocol
from ostria.registry.model import TlsMode
from ostria.snapshot.view import ProxyType
from ostria.translate import names
from ostria.translate.clusters.key import ClusterKey
from ostria.translate.clusters.protocol import HttpOptions
from ostria.translate.clusters.trust import credential, mesh_context, user_context
from ostria.translate.endpoints.metadata import TLS_MODE
from ostria.translate.filters.http_chain import ALPN_FIELD, ALPN_NAMESPACE, HTTP1_ALPN, HTTP2_ALPN
from ostria.translate.filters.proto import pack
from ostria.translate.filters.tls import client_socket


def apply(cluster: Cluster, options: HttpOptions, key: ClusterKey, tls: ClientTLSSettings | None) -> None:
    """Choose the transport socket of `cluster`; without any it speaks plain text."""
    if tls is None:
        _find_out(cluster, options, key)
        return
    match tls.mode:
        case "ISTIO_MUTUAL":
            context = mesh_context(key.client.mesh, _peers(key, tls), tls.sni or _sni(key), http2=options.is_http2)
            cluster.transport_socket.CopyFrom(client_socket(context))
            _offer_http(cluster, options)
        case "SIMPLE" | "MUTUAL":
            effective = _without_credential(key, tls)
            _automatic_names(options, effective, dynamic=cluster.HasField("cluster_type"))
            alternatives = key.service.accounts if key.service.owner.kind == "ServiceEntry" else ()
            context = user_context(
                key.client.mesh.config.tls_defaults, effective, alternatives, mutual=tls.mode == "MUTUAL", http2=options.is_http2
            )
            cluster.transport_socket.CopyFrom(client_socket(context))
        case _:
            return


def secrets(key: ClusterKey, tls: ClientTLSSettings | None) -> tuple[tuple[str, str], ...]:
    """The secrets of the control plane that `apply` makes the cluster ask for."""
    if tls is None or tls.mode not in ("SIMPLE", "MUTUAL"):
        return ()
    effective = _without_credential(key, tls)
    if not effective.credential_name:
        return ()
    name = credential(effective)
    certificate = ((names.SDS, name),) if tls.mode == "MUTUAL" else ()
    return certificate if tls.insecure_skip_verify else (*certificate, (names.SDS, f"{name}-cacert"))


def _find_out(cluster: Cluster, options: HttpOptions, key: ClusterKey) -> None:
    if key.service.external or not key.client.mesh.config.enable_auto_mtls or cluster.HasField("cluster_type"):
        return
    context = mesh_context(key.client.mesh, _peers(key, None), _sni(key), http2=options.is_http2)
    _offer_http(cluster, options)
    if cluster.type == Cluster.ORIGINAL_DST:
        # No endpoint is chosen here, so none can tell its mode: all must agree.
        if key.mutual:
            cluster.transport_socket.CopyFrom(client_socket(context))
        return
    encrypted = cluster.transport_socket_matches.add(name=f"tlsMode-{TlsMode.ISTIO}", transport_socket=client_socket(context))
    encrypted.match[TLS_MODE] = TlsMode.ISTIO.value
    cluster.transport_socket_matches.add(name="tlsMode-disabled", transport_socket=_raw_socket()).match.SetInParent()


def _offer_http(cluster: Cluster, options: HttpOptions) -> None:
    """What HTTP chains offer as ALPN on this cluster's mutual TLS: they read it here, so that TLS to servers outside the mesh keeps its own."""
    cluster.metadata.filter_metadata[ALPN_NAMESPACE][ALPN_FIELD] = HTTP2_ALPN if options.is_http2 else HTTP1_ALPN


def _peers(key: ClusterKey, tls: ClientTLSSettings | None) -> frozenset[str]:
    if tls is not None and tls.subject_alt_names:
        return frozenset(tls.subject_alt_names)
    return key.accounts.union(key.service.accounts)


def _sni(key: ClusterKey) -> str:
    return names.dns_srv_cluster(key.port.number, key.subset, key.service.host)


def _without_credential(key: ClusterKey, tls: ClientTLSSettings) -> ClientTLSSettings:
    """A sidecar may have a Secret only by a rule that selects it; by any other it uses the files, as Istio documents."""
    selected = key.rule is not None and key.rule.spec.workload_selector is not None
    if not tls.credential_name or key.client.type is ProxyType.ROUTER or selected:
        return tls
    return replace(tls, credential_name=None)


def _automatic_names(options: HttpOptions, tls: ClientTLSSettings, *, dynamic: bool) -> None:
    """Without an SNI the request's host is it, and without names to verify the certificate must be for that host."""
    automatic_sni = not tls.sni
    automatic_san = ((automatic_sni and not tls.subject_alt_names) or dynamic) and not tls.insecure_skip_verify
    if automatic_sni:
        options.message.upstream_http_protocol_options.auto_sni = True
    if automatic_san:
        options.message.upstream_http_protocol_options.auto_san_validation = True


def _raw_socket() -> TransportSocket:
    return TransportSocket(name="envoy.transport_sockets.raw_buffer", typed_config=pack(RawBuffer()))


def wrap_proxy_protocol(cluster: Cluster, settings: ProxyProtocol | None) -> None:
    """Send the PROXY protocol header before anything else, whatever the socket."""
    if settings is None:
        return
    version = ProxyProtocolConfig.V2 if settings.version == "V2" else ProxyProtocolConfig.V1
    if not cluster.transport_socket_matches:
        inner = cluster.transport_socket if cluster.HasField("transport_socket") else _raw_socket()
        cluster.transport_socket.CopyFrom(_after_header(inner, version))
    for match in cluster.transport_socket_matches:
        match.transport_socket.CopyFrom(_after_header(match.transport_socket, version))


def _after_header(inner: TransportSocket, version: ProxyProtocolConfig.Version.ValueType) -> TransportSocket:
    transport = ProxyProtocolUpstreamTransport(config=ProxyProtocolConfig(version=version), transport_socket=inner)
    return TransportSocket(name="envoy.transport_sockets.upstream_proxy_protocol", typed_config=pack(transport))
