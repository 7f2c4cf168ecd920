"""Rules for WorkloadGroup."""

from collections.abc import Iterator

from ostria.api.networking.workload_group import ReadinessProbe, WorkloadGroup
from ostria.api.problem import Issue
from ostria.config.validate.names import is_header, label_issues, port_issues, under
from ostria.config.validate.workload_entry import ports_and_labels_issues


def workload_group_issues(group: WorkloadGroup) -> Iterator[Issue]:
    spec = group.spec
    if spec.metadata is not None:
        yield from label_issues(spec.metadata.labels, ("spec", "metadata", "labels"))
    yield from under(("spec", "template"), ports_and_labels_issues(spec.template))
    if spec.probe is not None:
        yield from under(("spec", "probe"), _probe(spec.probe))


def _probe(probe: ReadinessProbe) -> Iterator[Issue]:
    given = [
        n
        for n, v in (("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket), ("exec", probe.exec), ("grpc", probe.grpc))
        if v is not None
    ]
    if len(given) != 1:
        yield Issue((), "a probe is exactly one of httpGet, tcpSocket, exec and grpc")
    if (http := probe.http_get) is not None:
        yield from port_issues(http.port, ("httpGet", "port"))
        if http.scheme not in (None, "", "HTTP", "HTTPS"):
            yield Issue(("httpGet", "scheme"), f"{http.scheme!r} is not a scheme", "write HTTP or HTTPS")
        for index, header in enumerate(http.http_headers):
            if not is_header(header.name or ""):
                yield Issue(("httpGet", "httpHeaders", index), f"{header.name!r} is not a header name")
    if probe.tcp_socket is not None:
        yield from port_issues(probe.tcp_socket.port, ("tcpSocket", "port"))
    if probe.grpc is not None:
        yield from port_issues(probe.grpc.port or 0, ("grpc", "port"))
    if probe.exec is not None and not probe.exec.command:
        yield Issue(("exec", "command"), "the command is empty")
