"""Which HTTP an upstream is spoken to, and the options of that protocol.

Envoy takes them as one extension message beside the cluster; it must say a protocol even where only a timeout is meant, so the message is
finished at the end.
"""

from dataclasses import dataclass, field

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions
from envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2 import PreserveCaseFormatterConfig
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from ostria.api.networking.connection_pool import ConnectionPoolSettings
from ostria.registry.model import Port, Protocol
from ostria.snapshot.view import Mesh, ProxyType

EXTENSION = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(slots=True)
class HttpOptions:
    """The options while they are collected; `message` stays empty where plain HTTP/1.1 or TCP with Envoy's defaults is right."""

    message: HttpProtocolOptions = field(default_factory=HttpProtocolOptions)

    def http2(self) -> None:
        self.message.explicit_http_config.http2_protocol_options.SetInParent()

    def as_downstream(self) -> None:
        """HTTP/1.1 in, HTTP/1.1 out; HTTP/2 in, HTTP/2 out."""
        http1 = Http1ProtocolOptions()
        http1.CopyFrom(self.message.explicit_http_config.http_protocol_options)
        both = self.message.use_downstream_protocol_config
        both.http_protocol_options.CopyFrom(http1)
        both.http2_protocol_options.SetInParent()

    def preserve_header_case(self) -> None:
        formatter = self.message.explicit_http_config.http_protocol_options.header_key_format.stateful_formatter
        formatter.name = "preserve_case"
        formatter.typed_config.Pack(PreserveCaseFormatterConfig(), deterministic=True)

    @property
    def is_http2(self) -> bool:
        config = self.message
        return config.WhichOneof("upstream_protocol_options") == "explicit_http_config" and config.explicit_http_config.HasField(
            "http2_protocol_options"
        )

    def attach(self, cluster: Cluster) -> None:
        if not self.message.ByteSize():
            return
        if self.message.WhichOneof("upstream_protocol_options") is None:
            self.message.explicit_http_config.http_protocol_options.SetInParent()
        cluster.typed_extension_protocol_options[EXTENSION].Pack(self.message, deterministic=True)


def upstream_protocol(options: HttpOptions, port: Port, client: ProxyType, *, preserve_case: bool = False) -> None:
    """What the port's declared protocol asks for. A gateway never mirrors the client's HTTP version: it always offers HTTP/2 itself."""
    if port.protocol.is_http2:
        options.http2()
        return
    if preserve_case and (port.protocol.is_http or port.protocol is Protocol.AUTO):
        options.preserve_header_case()
    if port.protocol is Protocol.AUTO and client is ProxyType.SIDECAR:
        options.as_downstream()


def upgrades_to_http2(mesh: Mesh, port: Port, pool: ConnectionPoolSettings | None) -> bool:
    http = pool.http if pool is not None else None
    if http is not None:
        if http.use_client_protocol:
            return False
        if http.h2_upgrade_policy == "UPGRADE":
            return True
        if http.h2_upgrade_policy == "DO_NOT_UPGRADE":
            return False
    return port.protocol.is_http and mesh.config.h2_upgrade_policy == "UPGRADE"


def preserves_header_case(mesh: Mesh) -> bool:
    headers = mesh.config.default_config.proxy_headers
    return bool(headers is not None and headers.preserve_http1_header_case)
