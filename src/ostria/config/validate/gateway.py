"""Rules for Gateway."""

from collections.abc import Iterator

from ostria.api.networking.gateway import Gateway, Server
from ostria.api.problem import Issue
from ostria.config.validate import protocols
from ostria.config.validate.hosts import gateway_host_issues
from ostria.config.validate.names import is_ip, port_issues, under, unix_socket_issues, warning
from ostria.config.validate.selectors import selector_issues
from ostria.config.validate.tls import server_tls_issues


def gateway_issues(gateway: Gateway) -> Iterator[Issue]:
    spec = gateway.spec
    yield from selector_issues(spec.selector, ("spec", "selector"))
    if not spec.servers:
        yield Issue(("spec",), "a Gateway needs at least one server")
    names: set[str] = set()
    for index, server in enumerate(spec.servers):
        path = ("spec", "servers", index)
        if server.port.name in names:
            yield Issue((*path, "port", "name"), f"the port name {server.port.name!r} is there twice")
        names.add(server.port.name)
        yield from under(path, _server(server))


def _server(server: Server) -> Iterator[Issue]:
    if not server.hosts:
        yield Issue((), "a server needs at least one host", 'write "*" for all')
    for index, host in enumerate(server.hosts):
        yield from gateway_host_issues(host, ("hosts", index))
    yield from _port(server)
    yield from under(("tls",), server_tls_issues(server.tls))
    yield from _tls_for_protocol(server)


def _port(server: Server) -> Iterator[Issue]:
    port, bind = server.port, server.bind or ""
    if not port.name:
        yield Issue(("port", "name"), "the port has no name")
    if not protocols.is_known(port.protocol):
        yield Issue(("port", "protocol"), f"{port.protocol!r} is not a protocol", f"write one of {protocols.KNOWN}")
    if port.target_port:
        yield Issue(("port", "targetPort"), "a Gateway has no targetPort; the Service in front of the proxies has")
    if bind.startswith("unix://"):
        yield from unix_socket_issues(bind, ("bind",))
        if port.number:
            yield Issue(("port", "number"), "a Unix socket has the port number 0")
        return
    yield from port_issues(port.number, ("port", "number"))
    if bind and not is_ip(bind):
        yield Issue(("bind",), f"{bind!r} is not an address")


def _tls_for_protocol(server: Server) -> Iterator[Issue]:
    protocol, tls = server.port.protocol, server.tls
    if protocols.is_tls(protocol):
        if tls is None:
            yield Issue((), f"{protocol} needs tls settings", "add tls: {mode: SIMPLE, credentialName: …}")
        elif tls.https_redirect:
            yield warning(("tls", "httpsRedirect"), "httpsRedirect is for servers of plain HTTP")
    elif tls is not None:
        if not protocols.is_http(protocol):
            yield Issue(("tls",), f"{protocol} takes no tls settings", "write the protocol HTTPS or TLS")
        elif tls.mode not in (None, "PASSTHROUGH", "AUTO_PASSTHROUGH") or any(
            (tls.ca_certificates, tls.private_key, tls.server_certificate)
        ):
            yield Issue(("tls",), "a server of plain HTTP takes no tls settings but httpsRedirect", "write the protocol HTTPS")
