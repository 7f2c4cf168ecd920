"""Rules for ServiceEntry."""

from collections.abc import Iterator

from ostria.api.networking.service_entry import ServiceEntry, ServiceEntrySpec
from ostria.api.problem import Issue
from ostria.config.validate import protocols
from ostria.config.validate.names import is_fqdn, is_host_label, is_subnet, is_wildcard_host, port_issues, under, warning
from ostria.config.validate.selectors import export_issues, labels_issues
from ostria.config.validate.workload_entry import endpoint_issues


def service_entry_issues(entry: ServiceEntry) -> Iterator[Issue]:
    yield from labels_issues(entry.spec.workload_selector)
    yield from under(("spec",), _spec(entry.spec))
    yield from export_issues(entry.spec.export_to, entry.metadata.namespace, nowhere=True)


def _spec(spec: ServiceEntrySpec) -> Iterator[Issue]:
    if spec.workload_selector is not None and spec.endpoints:
        yield Issue(("endpoints",), "workloadSelector and endpoints exclude each other")
    yield from _hosts(spec)
    yield from _addresses(spec)
    yield from _ports(spec)
    yield from _resolution(spec)


def _hosts(spec: ServiceEntrySpec) -> Iterator[Issue]:
    if not spec.hosts:
        yield Issue(("hosts",), "a ServiceEntry needs at least one host")
    for index, host in enumerate(spec.hosts):
        if host == "*" or not is_wildcard_host(host):
            yield Issue(("hosts", index), f"{host!r} can't be the host of a service", "write a full host name, or one that begins with *.")
        elif host.startswith("*") and not host.startswith("*."):
            yield warning(("hosts", index), f"{host!r} has a wildcard for a part of a name", "only *.domain is matched in TLS server names")
    ambiguous = spec.resolution not in (None, "NONE") and len(spec.hosts) > 1
    plain = [p for p in spec.ports if not protocols.is_http(p.protocol) and not protocols.is_tls(p.protocol)]
    if ambiguous and plain:
        yield Issue(
            ("hosts",),
            f"on port {plain[0].number} nothing tells the hosts apart",
            "write one ServiceEntry for each host, or use HTTP or TLS",
        )


def _addresses(spec: ServiceEntrySpec) -> Iterator[Issue]:
    for index, address in enumerate(spec.addresses):
        if not is_subnet(address):
            yield Issue(("addresses", index), f"{address!r} is neither an address nor a range of them", "write 10.0.0.1 or 10.0.0.0/8")
        elif "/" in address and spec.resolution not in (None, "NONE", "STATIC"):
            yield Issue(("addresses", index), f"a range of addresses needs resolution NONE or STATIC, not {spec.resolution}")
    if len(spec.addresses) > 256:
        yield Issue(("addresses",), "more than 256 addresses")


def _ports(spec: ServiceEntrySpec) -> Iterator[Issue]:
    names: set[str] = set()
    numbers: set[int] = set()
    for index, port in enumerate(spec.ports):
        path = ("ports", index)
        yield from port_issues(port.number, (*path, "number"))
        if port.target_port:
            yield from port_issues(port.target_port, (*path, "targetPort"))
        if not is_host_label(port.name):
            yield Issue((*path, "name"), f"{port.name!r} is not a name for a port")
        if port.protocol and not protocols.is_known(port.protocol):
            yield Issue((*path, "protocol"), f"{port.protocol!r} is not a protocol", f"write one of {protocols.KNOWN}")
        if port.name in names:
            yield Issue((*path, "name"), f"the port name {port.name!r} is there twice")
        if port.number in numbers:
            yield Issue((*path, "number"), f"port {port.number} is there twice")
        names.add(port.name)
        numbers.add(port.number)


def _resolution(spec: ServiceEntrySpec) -> Iterator[Issue]:
    ports = [p.name for p in spec.ports]
    match spec.resolution:
        case None | "NONE":
            if spec.endpoints:
                yield Issue(
                    ("endpoints",), "resolution NONE sends traffic where it was going; it has no endpoints", "set resolution: STATIC or DNS"
                )
            if spec.workload_selector is not None:
                yield warning(("workloadSelector",), "workloadSelector is meant for resolution STATIC, not for NONE")
        case "STATIC":
            for index, endpoint in enumerate(spec.endpoints):
                yield from under(("endpoints", index), endpoint_issues(endpoint, ports, names=False))
        case "DNS" | "DNS_ROUND_ROBIN":
            yield from _dns(spec, ports)
        case "DYNAMIC_DNS":
            yield from _dynamic_dns(spec)


def _dns(spec: ServiceEntrySpec, ports: list[str]) -> Iterator[Issue]:
    for index, host in enumerate(() if spec.endpoints else spec.hosts):
        if not is_fqdn(host):
            yield Issue(("hosts", index), f"{host!r} can't be looked up", "add endpoints, or name one host")
    if spec.resolution == "DNS_ROUND_ROBIN" and len(spec.endpoints) > 1:
        yield Issue(("endpoints",), "DNS_ROUND_ROBIN resolves one name only", "set resolution: DNS")
    for index, endpoint in enumerate(spec.endpoints):
        if (endpoint.address or "").startswith("unix://"):
            yield Issue(("endpoints", index, "address"), "a Unix socket needs resolution STATIC")
        else:
            yield from under(("endpoints", index), endpoint_issues(endpoint, ports, names=True))
    if spec.workload_selector is not None:
        yield warning(("workloadSelector",), f"workloadSelector is meant for resolution STATIC, not for {spec.resolution}")


def _dynamic_dns(spec: ServiceEntrySpec) -> Iterator[Issue]:
    for index, host in enumerate(spec.hosts):
        if not host.startswith("*."):
            yield Issue(("hosts", index), "DYNAMIC_DNS is for hosts with a wildcard", "set resolution: DNS for a single host")
    if spec.endpoints:
        yield Issue(("endpoints",), "DYNAMIC_DNS looks the requested host up; it has no endpoints")
    for index, port in enumerate(spec.ports):
        if not protocols.is_http(port.protocol) and not protocols.is_tls(port.protocol):
            yield Issue(("ports", index, "protocol"), "DYNAMIC_DNS needs a protocol that names the host", "write HTTP, HTTPS or TLS")
