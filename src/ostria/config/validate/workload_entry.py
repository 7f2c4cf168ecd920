"""Rules for WorkloadEntry, also where one stands inside a ServiceEntry."""

from collections.abc import Collection, Iterator

from ostria.api.networking.workload_entry import WorkloadEntry, WorkloadEntrySpec
from ostria.api.networking.workload_group import WorkloadTemplate
from ostria.api.problem import Issue
from ostria.config.validate.names import is_fqdn, is_host_label, is_ip, label_issues, port_issues, under, unix_socket_issues, warning


def workload_entry_issues(entry: WorkloadEntry) -> Iterator[Issue]:
    yield from under(("spec",), endpoint_issues(entry.spec, None, names=True))


def endpoint_issues(entry: WorkloadEntrySpec, service_ports: Collection[str] | None, *, names: bool) -> Iterator[Issue]:
    """`service_ports` are those of the ServiceEntry around it, if there is one; `names`: host names are good addresses."""
    address = entry.address or ""
    if not address:
        if entry.network:
            yield warning((), f"without an address only the gateways of network {entry.network} can be dialled")
        else:
            yield Issue((), "the address is missing", "add address: …")
    elif address.startswith("unix://"):
        yield from unix_socket_issues(address, ("address",))
        if entry.ports:
            yield Issue(("ports",), "a Unix socket has no ports")
        if service_ports is not None and len(service_ports) != 1:
            yield Issue(("address",), "behind a Unix socket there is exactly one service port")
    elif not is_ip(address) and not (names and is_fqdn(address)):
        yield Issue(
            ("address",),
            f"{address!r} is not {'a host or an address' if names else 'an IP address'}",
            "" if names else "or set resolution: DNS",
        )
    yield from ports_and_labels_issues(entry)
    for name in entry.ports:
        if service_ports is not None and name not in service_ports:
            yield Issue(("ports", name), f"the service has no port called {name!r}", f"its ports are {', '.join(service_ports)}")


def ports_and_labels_issues(entry: WorkloadEntrySpec | WorkloadTemplate) -> Iterator[Issue]:
    for name, number in entry.ports.items():
        if not is_host_label(name):
            yield Issue(("ports", name), f"{name!r} is not a name for a port")
        yield from port_issues(number, ("ports", name))
    yield from label_issues(entry.labels, ("labels",))
    if entry.locality and len(entry.locality.split("/")) > 3:
        yield Issue(("locality",), f"{entry.locality!r} is not a locality", "write region/zone/subzone")
