"""A node message to a `Proxy`: the id is Istio's, `TYPE~IP~NAME.NAMESPACE~DOMAIN`; what identity decides is taken from the caller.

Without an authenticated caller (the plaintext port, on loopback) the node is believed. With one, namespace and service account are the caller's, and
a node that claims to be somebody else is refused.
"""

from collections.abc import Mapping

from envoy.config.core.v3 import base_pb2
from google.protobuf import struct_pb2

from ostria.discovery.server.refusal import malformed, not_yours
from ostria.identity.caller import Caller
from ostria.registry.model import Locality, Namespace
from ostria.snapshot.view import Generator, Proxy, ProxyType

_TYPES = {"sidecar": ProxyType.SIDECAR, "router": ProxyType.ROUTER}
_DEEPEST = 8


def proxy_of(node: base_pb2.Node, caller: Caller | None) -> Proxy:
    """Raise Refused for a malformed node, and for one that is not the caller's."""
    kind, address, name, namespace, domain = _parts(node.id)
    said = plain(node.metadata)
    if caller is not None:
        _check(name, namespace, said, caller)
    addresses = tuple(each.strip() for each in _text(said, "INSTANCE_IPS").split(",") if each.strip())
    return Proxy(
        id=node.id,
        type=kind,
        namespace=Namespace(namespace),
        name=name,
        addresses=addresses or (address,),
        dns_domain=domain,
        labels=_labels(said.get("LABELS")),
        service_account=caller.service_account if caller else _text(said, "SERVICE_ACCOUNT"),
        locality=Locality(node.locality.region, node.locality.zone, node.locality.sub_zone),
        network=_text(said, "NETWORK"),
        cluster=_text(said, "CLUSTER_ID") or "Kubernetes",
        node=(caller.node if caller else "") or _text(said, "NODE_NAME"),
        generator=Generator.GRPC if _text(said, "GENERATOR") == "grpc" else Generator.ENVOY,
        dns_capture=_flag(said, "DNS_CAPTURE"),
        dns_auto_allocate=_flag(said, "DNS_AUTO_ALLOCATE"),
        tproxy=_text(said, "INTERCEPTION_MODE") == "TPROXY",
        captured=_text(said, "INTERCEPTION_MODE") != "NONE",
        http_proxy_port=_number(said, "HTTP_PROXY_PORT"),
        authenticated=caller is not None,
        vhds=_flag(said, "VHDS"),
        on_demand=_flag(said, "ON_DEMAND"),
        outbound_mark=_number(said, "OSTRIA_OUTBOUND_MARK"),
        version=_text(said, "ISTIO_VERSION"),
        metadata=said,
    )


def _parts(node_id: str) -> tuple[ProxyType, str, str, str, str]:
    parts = node_id.split("~")
    if len(parts) != 4 or parts[0] not in _TYPES:
        raise malformed("the node id must be TYPE~IP~NAME.NAMESPACE~DOMAIN, with TYPE sidecar or router")
    kind, address, workload, domain = parts
    name, _, namespace = workload.rpartition(".")
    if not name or not namespace:
        raise malformed("the third part of the node id must be NAME.NAMESPACE")
    return _TYPES[kind], address, name, namespace, domain


def _check(name: str, namespace: str, said: Mapping[str, object], caller: Caller) -> None:
    if namespace != caller.namespace or _text(said, "NAMESPACE") not in ("", namespace):
        raise not_yours(f"the node says namespace {namespace}, its credentials are of another")
    if caller.pod and name != caller.pod:
        raise not_yours(f"the node says pod {name}, its credentials are of another")
    if _text(said, "SERVICE_ACCOUNT") not in ("", caller.service_account):
        raise not_yours("the node says another service account than its credentials")


def plain(struct: struct_pb2.Struct) -> dict[str, object]:
    """A Struct as plain values; deeper nesting than any node has is cut off."""
    return {name: _value(value, _DEEPEST) for name, value in struct.fields.items()}


def _value(value: struct_pb2.Value, depth: int) -> object:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "struct_value" if depth:
            return {name: _value(each, depth - 1) for name, each in value.struct_value.fields.items()}
        case "list_value" if depth:
            return [_value(each, depth - 1) for each in value.list_value.values]
        case _:
            return None


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _flag(said: Mapping[str, object], name: str) -> bool:
    return said.get(name) is True or _text(said, name).lower() in ("true", "1")


def _number(said: Mapping[str, object], name: str) -> int:
    """A port or a mark; 0 where there is none that makes sense."""
    value = said.get(name)
    try:
        number = int(value) if isinstance(value, str | float | int) else 0
    except (ValueError, OverflowError):
        return 0
    return number if 0 <= number < 1 << 32 else 0


def _labels(value: object) -> dict[str, str]:
    return {name: each for name, each in value.items() if isinstance(each, str)} if isinstance(value, dict) else {}
