"""Names, hosts, labels, addresses and regular expressions: what is well formed, as Kubernetes and Istio have it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network

import re2

from ostria.api.problem import Issue, Path, Severity
from ostria.api.scalars import Duration

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_HOST_LABEL = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_LABEL_NAME = re.compile(r"[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_HEADER = re.compile(r"[-_A-Za-z0-9]+")
_REGEX_LIMIT = 1024
"""Envoy measures the program, not the text; Istio approximates with this."""


def warning(path: Path, message: str, hint: str = "") -> Issue:
    return Issue(path, message, hint, Severity.WARNING)


def under(path: Path, issues: Iterable[Issue]) -> Iterator[Issue]:
    """Issues of a part, as issues of the whole: `path` leads to the part."""
    for issue in issues:
        yield issue._replace(path=path + issue.path)


def is_label(name: str) -> bool:
    """A DNS label: lower case letters, digits and dashes, at most 63."""
    return _LABEL.fullmatch(name) is not None


def is_host_label(name: str) -> bool:
    """One part of a host name: as a label, upper case allowed. Istio's names of ports and subsets too."""
    return _HOST_LABEL.fullmatch(name) is not None


def is_port_name(name: str) -> bool:
    """What containers may call their ports: 15 characters at most, with a letter."""
    return _PORT_NAME.fullmatch(name) is not None


def is_subdomain(name: str) -> bool:
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def is_fqdn(host: str) -> bool:
    """A host name without wildcard; one label is enough, a final dot and upper case are allowed."""
    name = host.removesuffix(".")
    return 0 < len(name) <= 255 and all(_HOST_LABEL.fullmatch(part) for part in name.split(".")) and not name.rpartition(".")[2].isdigit()


def is_wildcard_host(host: str) -> bool:
    """A host name, whose first label may be `*` or begin with it; or `*` alone."""
    first, _, rest = host.partition(".")
    if "*" not in host:
        return is_fqdn(host)
    if "*" in rest or not first.startswith("*") or "*" in first[1:]:
        return False
    head = first[1:]
    return (not head or _HOST_LABEL.fullmatch(head.lstrip("-") or "a") is not None) and (not rest or is_fqdn(f"a.{rest}"))


def is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_subnet(text: str) -> bool:
    """An address, or a range of them in CIDR notation."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_header(name: str) -> bool:
    return _HEADER.fullmatch(name) is not None


def host_matches(pattern: str, host: str) -> bool:
    """Whether every name that `host` stands for is one that `pattern` stands for."""
    if pattern.startswith("*"):
        return host.removeprefix("*").endswith(pattern[1:]) if host.startswith("*") else host.endswith(pattern[1:])
    return pattern == host


def hosts_overlap(one: str, other: str) -> bool:
    return host_matches(one, other) or host_matches(other, one)


def regex_issues(regex: str, path: Path = ()) -> Iterator[Issue]:
    """Envoy evaluates RE2, which has neither look-around nor back references."""
    if not regex:
        yield Issue(path, "the regular expression is empty", "write .* to match everything")
    elif len(regex) > _REGEX_LIMIT:
        yield Issue(path, f"the regular expression is longer than {_REGEX_LIMIT} characters", "use several matches")
    else:
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(regex, options)
        except re2.error as error:
            reason = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
            yield Issue(path, f"{regex!r} is not a regular expression of RE2: {reason}", "see https://github.com/google/re2/wiki/Syntax")


def duration_issues(duration: Duration | None, path: Path) -> Iterator[Issue]:
    """Istio's durations are at least a millisecond, and whole milliseconds."""
    if duration is None:
        return
    if duration.nanos < 1_000_000:
        yield Issue(path, f"{duration} is shorter than a millisecond", "leave the field out if it is meant to be off")
    elif duration.nanos % 1_000_000:
        yield Issue(path, f"{duration} is not a whole number of milliseconds")


def port_issues(number: int, path: Path) -> Iterator[Issue]:
    if not 1 <= number <= 65535:
        yield Issue(path, f"{number} is not a port", "write a number between 1 and 65535")


def label_issues(labels: Mapping[str, str], path: Path) -> Iterator[Issue]:
    """Keys are `name` or `prefix/name`, values up to 63 letters, digits, dashes, dots and underscores."""
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        if not _LABEL_NAME.fullmatch(name) or (slash and not is_subdomain(prefix)):
            yield Issue((*path, key), f"{key!r} is not a label key", "write name or domain/name, 63 characters at most behind the slash")
        if value and not _LABEL_NAME.fullmatch(value):
            yield Issue((*path, key), f"{value!r} is not a label value", "63 characters at most: letters, digits, and - _ . between them")


def unix_socket_issues(address: str, path: Path) -> Iterator[Issue]:
    """`unix:///path` or `unix://@abstract`."""
    name = address.removeprefix("unix://")
    if not name.startswith("@") and (not name.startswith("/") or name.endswith("/")):
        yield Issue(path, f"{address!r} is not a Unix socket", "write unix:///absolute/path or unix://@name")
