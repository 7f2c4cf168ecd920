"""Rules for Sidecar."""

from collections.abc import Iterator

from ostria.api.networking.sidecar import (
    IstioEgressListener,
    IstioIngressListener,
    OutboundTrafficPolicy,
    Sidecar,
    SidecarPort,
    SidecarSpec,
)
from ostria.api.problem import Issue
from ostria.config.validate import protocols
from ostria.config.validate.destinations import destination_issues
from ostria.config.validate.hosts import egress_host_issues
from ostria.config.validate.names import is_fqdn, is_host_label, is_ip, port_issues, under, unix_socket_issues, warning
from ostria.config.validate.selectors import labels_issues
from ostria.config.validate.tls import server_tls_issues
from ostria.config.validate.traffic_policy import connection_pool_issues

_ENDPOINTS = ("", "127.0.0.1", "0.0.0.0", "::1", "::")


def sidecar_issues(sidecar: Sidecar) -> Iterator[Issue]:
    spec = sidecar.spec
    yield from labels_issues(spec.workload_selector)
    if not (spec.egress or spec.ingress or spec.outbound_traffic_policy or spec.inbound_connection_pool):
        yield Issue(("spec",), "the Sidecar is empty", "add egress, ingress or outboundTrafficPolicy")
    yield from under(("spec", "ingress"), _ingress(spec))
    yield from under(("spec", "inboundConnectionPool"), connection_pool_issues(spec.inbound_connection_pool))
    yield from under(("spec", "egress"), _egress(spec, sidecar.metadata.namespace))
    if spec.outbound_traffic_policy is not None:
        yield from under(("spec", "outboundTrafficPolicy"), _outbound(spec.outbound_traffic_policy))


def _ingress(spec: SidecarSpec) -> Iterator[Issue]:
    seen: set[int] = set()
    for index, listener in enumerate(spec.ingress):
        number = listener.port.number or 0
        yield from under((index, "port"), _port(listener.port))
        yield from port_issues(number, (index, "port", "number"))
        if listener.bind and not is_ip(listener.bind):
            yield Issue((index, "bind"), f"{listener.bind!r} is not an address")
        if number in seen:
            yield Issue((index, "port", "number"), f"port {number} is there twice")
        seen.add(number)
        yield from under((index,), _ingress_details(listener))


def _ingress_details(listener: IstioIngressListener) -> Iterator[Issue]:
    if listener.default_endpoint:
        yield from under(("defaultEndpoint",), _endpoint(listener.default_endpoint))
    if (tls := listener.tls) is not None:
        for name, value in (
            ("subjectAltNames", tls.subject_alt_names),
            ("httpsRedirect", tls.https_redirect),
            ("credentialName", tls.credential_name),
        ):
            if value:
                yield Issue(("tls", name), f"{name} has no place in a Sidecar's ingress")
        if tls.mode in ("ISTIO_MUTUAL", "AUTO_PASSTHROUGH"):
            yield Issue(("tls", "mode"), f"a Sidecar's ingress can't have the mode {tls.mode}")
        yield from under(("tls",), server_tls_issues(tls))
    yield from under(("connectionPool",), connection_pool_issues(listener.connection_pool))
    if listener.connection_pool is not None and listener.connection_pool.http is not None and not protocols.is_http(listener.port.protocol):
        yield warning(("connectionPool", "http"), "the port is not HTTP; only tcp settings apply")


def _endpoint(endpoint: str) -> Iterator[Issue]:
    if endpoint.startswith("unix://"):
        yield from unix_socket_issues(endpoint, ())
        return
    host, _, port = endpoint.rpartition(":")
    if host.strip("[]") not in _ENDPOINTS or ":" not in endpoint:
        yield Issue((), f"{endpoint!r} is not on the workload itself", "write 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT or unix:///PATH")
    elif not port.isdigit():
        yield Issue((), f"{port!r} is not a port")
    else:
        yield from port_issues(int(port), ())


def _egress(spec: SidecarSpec, namespace: str) -> Iterator[Issue]:
    seen: set[object] = set()
    for index, listener in enumerate(spec.egress):
        if listener.port is None:
            if index != len(spec.egress) - 1:
                yield Issue((index,), "the listener without a port takes everything and must be the last, and the only one")
        else:
            yield from under((index,), _egress_port(listener, listener.port))
            place = listener.port.number or listener.bind
            if place in seen:
                yield Issue((index, "port"), f"there is a listener for {place} already")
            seen.add(place)
        yield from under((index, "hosts"), _egress_hosts(listener, namespace))


def _egress_port(listener: IstioEgressListener, port: SidecarPort) -> Iterator[Issue]:
    yield from under(("port",), _port(port))
    bind = listener.bind or ""
    if port.number:
        yield from port_issues(port.number, ("port", "number"))
        if bind and not is_ip(bind):
            yield Issue(("bind",), f"{bind!r} is not an address")
    elif not bind.startswith("unix://"):
        yield Issue(("port", "number"), "without a port number, bind must be a Unix socket", "set number, or bind: unix:///PATH")
    else:
        yield from unix_socket_issues(bind, ("bind",))
        if listener.capture_mode == "IPTABLES":
            yield Issue(("captureMode",), "no traffic to a Unix socket can be captured", "set captureMode: NONE")


def _egress_hosts(listener: IstioEgressListener, namespace: str) -> Iterator[Issue]:
    if not listener.hosts:
        yield Issue((), "an egress listener needs at least one host", 'write "./*" for this namespace')
    seen: set[tuple[str, str]] = set()
    for index, text in enumerate(listener.hosts):
        yield from egress_host_issues(text, (index,))
        place, _, host = text.partition("/")
        key = (namespace if place == "." else place, host)
        if key in seen or (key[0], "*") in seen:
            yield warning((index,), f"{text!r} is there already")
        seen.add(key)
    if ("*", "*") in seen and len(seen) > 1:
        yield warning((), "*/* selects everything; the other hosts add nothing")


def _port(port: SidecarPort) -> Iterator[Issue]:
    if port.name and not is_host_label(port.name):
        yield Issue(("name",), f"{port.name!r} is not a name for a port")
    if port.protocol and not protocols.is_known(port.protocol):
        yield Issue(("protocol",), f"{port.protocol!r} is not a protocol", f"write one of {protocols.KNOWN}")
    if port.target_port:
        yield Issue(("targetPort",), "a Sidecar's port has no targetPort", "ingress listeners have defaultEndpoint")


def _outbound(policy: OutboundTrafficPolicy) -> Iterator[Issue]:
    if policy.egress_proxy is None:
        return
    if policy.mode != "ALLOW_ANY":
        yield Issue(("egressProxy",), "egressProxy needs mode: ALLOW_ANY")
    if not is_fqdn(policy.egress_proxy.host):
        yield Issue(("egressProxy", "host"), f"{policy.egress_proxy.host!r} is not a host")
    if policy.egress_proxy.port is None:
        yield Issue(("egressProxy",), "the port is missing", "add port: {number: …}")
    yield from under(("egressProxy",), destination_issues(policy.egress_proxy))
