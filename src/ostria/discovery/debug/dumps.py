"""Pages about what one proxy was given: Envoy's own `config_dump` shape, endpoints, the name table. Private keys never appear."""

import base64
from collections.abc import Iterator, Mapping

from google.protobuf import any_pb2, json_format

from ostria.discovery.debug.streams import Json, name_of
from ostria.discovery.server.connection import Connection
from ostria.translate.names import CDS, ECDS, EDS, LDS, NDS, RDS, SDS, VHDS, config_of
from ostria.translate.prepared import Prepared

_DUMP = "type.googleapis.com/envoy.admin.v3."
_REDACTED = base64.b64encode(b"[redacted]").decode()
_PRIVATE = frozenset({"privateKey", "password", "sessionTicketKeys", "genericSecret", "privateKeyProvider"})


def config_dump(connection: Connection) -> Json:
    """Only what the proxy holds: asked for by it, and as the newest world has it."""
    version = connection.world.version
    return {
        "configs": [
            {
                "@type": _DUMP + "ClustersConfigDump",
                "versionInfo": version,
                "dynamicActiveClusters": [{"versionInfo": each.version, "cluster": _json(CDS, each)} for each in _given(connection, CDS)],
            },
            {
                "@type": _DUMP + "ListenersConfigDump",
                "versionInfo": version,
                "dynamicListeners": [
                    {"name": each.name, "activeState": {"versionInfo": each.version, "listener": _json(LDS, each)}}
                    for each in _given(connection, LDS)
                ],
            },
            {
                "@type": _DUMP + "RoutesConfigDump",
                "dynamicRouteConfigs": list(_routes(connection)),
            },
            {
                "@type": _DUMP + "EndpointsConfigDump",
                "dynamicEndpointConfigs": [{"endpointConfig": _json(EDS, each)} for each in _given(connection, EDS)],
            },
            {
                "@type": _DUMP + "SecretsConfigDump",
                "dynamicActiveSecrets": [
                    {"name": each.name, "versionInfo": each.version, "secret": _redacted(_json(SDS, each))}
                    for each in _given(connection, SDS)
                ],
            },
            {
                "@type": _DUMP + "EcdsConfigDump",
                "ecdsFilters": [{"versionInfo": each.version, "ecdsFilter": _json(ECDS, each)} for each in _given(connection, ECDS)],
            },
        ]
    }


def edsz(connection: Connection) -> list[object]:
    return [_json(EDS, each) for each in _given(connection, EDS)]


def ndsz(connection: Connection) -> Json:
    """The name table; empty for proxies that don't capture DNS."""
    for each in _given(connection, NDS):
        return {"proxy": name_of(connection), "table": _json(NDS, each).get("table", {})}
    return {"proxy": name_of(connection), "table": {}}


def _routes(connection: Connection) -> Iterator[Json]:
    """As Envoy shows them: virtual hosts that came one by one stand behind those that came with their configuration."""
    apart: dict[str, list[object]] = {}
    for each in _given(connection, VHDS):
        host = _json(VHDS, each)
        del host["@type"]
        apart.setdefault(config_of(each.name), []).append(host)
    for each in _given(connection, RDS):
        config = _json(RDS, each)
        if more := apart.get(each.name):
            inline = config.get("virtualHosts")
            config["virtualHosts"] = [*(inline if isinstance(inline, list) else ()), *more]
        yield {"versionInfo": each.version, "routeConfig": config}


def _given(connection: Connection, type_url: str) -> Iterator[Prepared]:
    subscription = connection.stream.subscription(type_url)
    if subscription is not None:
        yield from (each for each in subscription.current if subscription.wants(each.name))


def _json(type_url: str, prepared: Prepared) -> dict[str, object]:
    """The resource as JSON with its type; as it stands where the type is not known to this program."""
    try:
        return json_format.MessageToDict(any_pb2.Any(type_url=type_url, value=prepared.body))
    except (TypeError, ValueError, KeyError):
        return {"@type": type_url, "name": prepared.name, "value": base64.b64encode(prepared.body).decode()}


def _redacted(value: object) -> object:
    match value:
        case dict():
            return {name: {"inlineBytes": _REDACTED} if name in _PRIVATE else _redacted(each) for name, each in value.items()}
        case list():
            return [_redacted(each) for each in value]
        case _:
            return value


def names_given(connection: Connection) -> Mapping[str, list[str]]:
    return {each.type_url: [found.name for found in _given(connection, each.type_url)] for each in connection.stream}
