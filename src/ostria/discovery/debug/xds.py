"""The debug requests that `istioctl` sends over xDS instead of HTTP (types `istio.io/debug…`).

`istio.io/debug/syncz` is answered with one `ClientConfig` per proxy, `istio.io/debug/config_dump` and `istio.io/debug` (the page's name as the resource's)
with the JSON of the page. On the TLS port only callers of the root namespace are answered.
"""

import json
from collections.abc import Callable, Iterable

from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.status.v3 import csds_pb2
from google.protobuf import any_pb2

from ostria.discovery.debug import dumps, streams
from ostria.discovery.protocol.requests import SotwRequest
from ostria.discovery.server.connection import Connection
from ostria.identity.caller import Caller
from ostria.translate.names import CDS, ECDS, EDS, LDS, RDS

PREFIX = "istio.io/debug"
_TYPES = (LDS, RDS, EDS, CDS, ECDS)


class DebugRequests:
    def __init__(self, connections: Callable[[], Iterable[Connection]], root_namespace: Callable[[], str]) -> None:
        self._connections, self._root_namespace = connections, root_namespace

    def __call__(self, request: SotwRequest, caller: Caller | None) -> bytes | None:
        """The response's bytes; None when the request is not one of these."""
        if not request.type_url.startswith(PREFIX):
            return None
        page = request.type_url.removeprefix(PREFIX).strip("/") or next(iter(request.names), "").partition("?")[0]
        may = caller is None or caller.namespace == self._root_namespace()
        found = self._answer(page, request.names) if may else []
        return discovery_pb2.DiscoveryResponse(
            type_url=request.type_url, version_info="1", nonce="debug", resources=found
        ).SerializeToString()

    def _answer(self, page: str, names: tuple[str, ...]) -> list[any_pb2.Any]:
        match page:
            case "syncz":
                return [_packed(_client_config(each)) for each in self._connections()]
            case "adsz" | "connections":
                return [_json(streams.adsz(self._connections(), watches=page == "adsz"))]
            case "config_dump":
                found = streams.matching(self._connections(), _proxy_id(names))
                return [_json(dumps.config_dump(found))] if found else []
            case _:
                return []


def _proxy_id(names: tuple[str, ...]) -> str:
    """`NAME.NAMESPACE`, or `config_dump?proxyID=NAME.NAMESPACE`."""
    return next(iter(names), "").rpartition("proxyID=")[2]


def _client_config(connection: Connection) -> csds_pb2.ClientConfig:
    node = base_pb2.Node(id=connection.claims.id)
    proxy = connection.proxy
    node.metadata.update({"CLUSTER_ID": proxy.cluster, "NAMESPACE": proxy.namespace, "ISTIO_VERSION": proxy.version})
    config = csds_pb2.ClientConfig(node=node)
    for type_url in _TYPES:
        config.generic_xds_configs.add(type_url=type_url, config_status=_status(connection, type_url))
    return config


def _status(connection: Connection, type_url: str) -> csds_pb2.ConfigStatus.ValueType:
    found = connection.stream.subscription(type_url)
    sent, acknowledged = streams.nonces(connection, found) if found is not None else ("", "")
    if not sent:
        return csds_pb2.NOT_SENT
    if found is not None and found.refusal:
        return csds_pb2.ERROR
    return csds_pb2.SYNCED if sent == acknowledged else csds_pb2.STALE


def _packed(message: csds_pb2.ClientConfig) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message, deterministic=True)
    return packed


def _json(page: object) -> any_pb2.Any:
    return any_pb2.Any(type_url=PREFIX, value=json.dumps(page, default=str).encode())
