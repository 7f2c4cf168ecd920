"""Rules for PeerAuthentication."""

from collections.abc import Iterator

from ostria.api.problem import Issue
from ostria.api.security.peer_authentication import PeerAuthentication
from ostria.config.validate.selectors import match_labels_issues


def peer_authentication_issues(policy: PeerAuthentication) -> Iterator[Issue]:
    spec = policy.spec
    yield from match_labels_issues(spec.selector)
    if spec.port_level_mtls and (spec.selector is None or not spec.selector.match_labels):
        yield Issue(
            ("spec", "portLevelMtls"), "ports belong to workloads: portLevelMtls needs a selector", "add selector: {matchLabels: {…}}"
        )
    for port in spec.port_level_mtls:
        if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
            yield Issue(("spec", "portLevelMtls", port), f"{port!r} is not a port", "write a number between 1 and 65535")
