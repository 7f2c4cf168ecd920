"""Pages about connected proxies, in Istio's shapes: who is connected, what was sent and acknowledged, what was refused."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from ostria.api.meta import ObjectKey
from ostria.discovery.metrics import short
from ostria.discovery.protocol.rejections import Rejection
from ostria.discovery.protocol.subscription import Subscription
from ostria.discovery.server.connection import Connection
from ostria.translate.names import CDS, ECDS, EDS, LDS, RDS, VHDS

Json = Mapping[str, object] | list[object]
Locate = Callable[[ObjectKey], str]
"""`file:line` of an object; empty where it is gone."""

_SYNC = {CDS: "cluster", LDS: "listener", RDS: "route", EDS: "endpoint", ECDS: "extensionconfig"}


def matching(connections: Iterable[Connection], proxy_id: str) -> Connection | None:
    """The newest connection of the proxy that Istio's tools name: `NAME.NAMESPACE`, a node id or a connection id."""
    found = [each for each in connections if proxy_id in (each.id, each.claims.id, name_of(each))]
    return max(found, key=lambda each: each.connected, default=None)


def name_of(connection: Connection) -> str:
    return f"{connection.proxy.name}.{connection.proxy.namespace}"


def syncz(connections: Iterable[Connection], locate: Locate) -> list[object]:
    """`istioctl proxy-status`: nonces sent and acknowledged; equal ones mean SYNCED. Ours is `rejected`: what the proxy refuses, and who made it."""
    return [_sync_status(each, locate) for each in sorted(connections, key=lambda each: each.id)]


def _sync_status(connection: Connection, locate: Locate) -> Mapping[str, object]:
    status: dict[str, object] = {
        "cluster_id": connection.proxy.cluster,
        "proxy": name_of(connection),
        "proxy_type": connection.proxy.type.value,
        "istio_version": connection.proxy.version,
    }
    for type_url, word in _SYNC.items():
        subscription = connection.stream.subscription(type_url)
        if subscription is not None:
            status[f"{word}_sent"], status[f"{word}_acked"] = nonces(connection, subscription)
    status["rejected"] = [
        {
            "type": short(each.type_url),
            "resource": each.name,
            "message": each.words,
            "origins": [_place(key, locate) for key in each.origins],
        }
        for each in refused_now(connection)
    ]
    return {name: value for name, value in status.items() if value}


def nonces(connection: Connection, subscription: Subscription) -> tuple[str, str]:
    """Sent and acknowledged; of routes, those of virtual hosts that come one by one along with them."""
    sent, acknowledged = _nonces(connection, subscription)
    hosts = connection.stream.subscription(VHDS)
    if subscription.type_url != RDS or hosts is None:
        return sent, acknowledged
    more = _nonces(connection, hosts)
    if not sent or not more[0]:
        return sent, ""
    return f"{sent}+{more[0]}", f"{acknowledged}+{more[1]}"


def _nonces(connection: Connection, subscription: Subscription) -> tuple[str, str]:
    """A proxy that came back with everything that it should hold was sent nothing, and is in step all the same."""
    if not subscription.sent_nonce and subscription.settled:
        return connection.world.version, connection.world.version
    return subscription.sent_nonce, subscription.acknowledged_nonce


def _place(key: ObjectKey, locate: Locate) -> str:
    at = locate(key)
    return f"{key} ({at})" if at else str(key)


def refused_now(connection: Connection) -> list[Rejection]:
    """What the proxy would be sent if it had not refused it; older refusals are history."""
    out = []
    for each in tuple(connection.rejections):
        subscription = connection.stream.subscription(each.type_url)
        current = subscription.current.get(each.name) if subscription else None
        if current is not None and current.version == each.version:
            out.append(each)
    return out


def adsz(connections: Iterable[Connection], *, watches: bool) -> Json:
    clients = [_client(each, watches=watches) for each in sorted(connections, key=lambda each: each.id)]
    return {"totalClients": len(clients), "clients": clients}


def _client(connection: Connection, *, watches: bool) -> Mapping[str, object]:
    place = connection.proxy.locality
    out: dict[str, object] = {
        "connectionId": connection.id,
        "connectedAt": datetime.fromtimestamp(connection.connected, UTC).isoformat().replace("+00:00", "Z"),
        "address": connection.peer,
        "labels": dict(connection.proxy.labels),
        "metadata": dict(connection.proxy.metadata),
        "locality": {"region": place.region, "zone": place.zone, "subZone": place.sub_zone},
    }
    if any(connection.stream.on_demand(each) is not None for each in (CDS, VHDS)):
        out["onDemand"] = {short(each): sorted(connection.stream.on_demand(each) or ()) for each in (CDS, VHDS)}
    if watches:
        out["watches"] = {each.type_url: _watched(each) for each in connection.stream}
    return out


def _watched(subscription: Subscription) -> list[str]:
    return ["*"] * subscription.wildcard + sorted(subscription.names)


def refusals(connections: Iterable[Connection], locate: Locate) -> list[object]:
    """Ours: every resource that a connected proxy refuses at the moment, with the objects that made it and where they stand."""
    return [
        {
            "proxy": name_of(connection),
            "type": each.type_url,
            "resource": each.name,
            "origins": [{"object": str(key), "at": locate(key)} for key in each.origins],
            "error": each.words,
        }
        for connection in connections
        for each in refused_now(connection)
    ]
