"""Rules for AuthorizationPolicy. What is refused here would otherwise allow or deny something else than its author meant."""

import re
from collections.abc import Callable, Iterator, Sequence

from ostria.api.networking.envoy_filter import NameMatch
from ostria.api.problem import Issue
from ostria.api.security.authorization_policy import AuthorizationPolicy, AuthorizationPolicySpec, Condition, Operation, Rule, Source
from ostria.config.validate.names import is_subnet, under, warning
from ostria.config.validate.selectors import match_labels_issues, one_target_issues

_SOURCE_FIELDS = (
    "principals",
    "requestPrincipals",
    "namespaces",
    "serviceAccounts",
    "trustDomains",
    "ipBlocks",
    "remoteIpBlocks",
    "notPrincipals",
    "notRequestPrincipals",
    "notNamespaces",
    "notServiceAccounts",
    "notTrustDomains",
    "notIpBlocks",
    "notRemoteIpBlocks",
)
_OPERATION_FIELDS = ("hosts", "ports", "methods", "paths", "notHosts", "notPorts", "notMethods", "notPaths")
_HTTP_SOURCES = ("requestPrincipals", "notRequestPrincipals")
_NOT_CUSTOM = (*_HTTP_SOURCES, "principals", "notPrincipals", "namespaces", "notNamespaces", "serviceAccounts", "notServiceAccounts")
_SEGMENT = re.compile(r"\{\*\*?\}|[^{}*]*")


def authorization_policy_issues(policy: AuthorizationPolicy) -> Iterator[Issue]:
    spec = policy.spec
    yield from one_target_issues(spec.selector, spec.target_ref, spec.target_refs)
    yield from match_labels_issues(spec.selector)
    yield from _provider(spec)
    if spec.action in ("DENY", "CUSTOM") and not spec.rules:
        yield Issue(("spec", "rules"), f"{spec.action} without rules never applies", "write rules: [{}] to apply it to every request")
    for index, rule in enumerate(spec.rules):
        path = ("spec", "rules", index)
        yield from under(path, _rule(rule))
        if spec.action == "CUSTOM":
            yield from under(path, _custom(rule))
        if spec.action == "DENY" and _denies_tcp(rule):
            yield warning(
                path,
                "on TCP ports this denies all traffic, because a rule of HTTP fields only is left empty there",
                "add ports to the rule",
            )


def _provider(spec: AuthorizationPolicySpec) -> Iterator[Issue]:
    if spec.action == "CUSTOM":
        if spec.provider in (None, NameMatch()) or not spec.provider.name:
            yield Issue(("spec", "provider"), "CUSTOM needs a provider", "add provider: {name: …}, one of meshConfig's extensionProviders")
    elif spec.provider is not None:
        yield Issue(("spec", "provider"), f"{spec.action or 'ALLOW'} asks no provider", "remove provider, or set action: CUSTOM")


def _rule(rule: Rule) -> Iterator[Issue]:
    for index, origin in enumerate(rule.from_):
        if origin.source is None:
            yield Issue(("from", index), "the source is missing", "add source: {…}, or remove the entry to mean everybody")
        else:
            yield from under(("from", index, "source"), _source(origin.source))
    for index, to in enumerate(rule.to):
        if to.operation is None:
            yield Issue(("to", index), "the operation is missing", "add operation: {…}, or remove the entry to mean everything")
        else:
            yield from under(("to", index, "operation"), _operation(to.operation))
    for index, condition in enumerate(rule.when):
        yield from under(("when", index), _condition(condition))


def _source(source: Source) -> Iterator[Issue]:
    values = {name: _values(source, name) for name in _SOURCE_FIELDS}
    yield from _filled(values, "source")
    for name in ("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"):
        yield from under(
            (name,), _each(values[name], is_subnet, "is neither an address nor a range of them", "write 10.0.0.1 or 10.0.0.0/8")
        )
    if values["serviceAccounts"] or values["notServiceAccounts"]:
        others = [n for n in ("principals", "notPrincipals", "namespaces", "notNamespaces") if values[n]]
        if others:
            yield Issue((others[0],), "serviceAccounts can't stand beside principals or namespaces", "write one or the other")
    for name in ("serviceAccounts", "notServiceAccounts"):
        hint = "write NAME or NAMESPACE/NAME"
        yield from under((name,), _each(values[name], _is_account, "is not a service account", hint))


def _is_account(text: str) -> bool:
    parts = text.split("/")
    return len(text) <= 320 and len(parts) <= 2 and all(parts) and "*" not in text


def _operation(operation: Operation) -> Iterator[Issue]:
    values = {name: _values(operation, name) for name in _OPERATION_FIELDS}
    yield from _filled(values, "operation")
    for name in ("ports", "notPorts"):
        yield from under((name,), _each(values[name], _is_port, "is not a port", "write a number between 1 and 65535, in quotes"))
    for name in ("paths", "notPaths"):
        hint = "{*} and {**} stand for whole parts between slashes, {**} comes last, and no other * beside them"
        yield from under((name,), _each(values[name], _is_path, "is not a path", hint))


def _filled(values: dict[str, Sequence[str]], what: str) -> Iterator[Issue]:
    if not any(values.values()):
        yield Issue((), f"the {what} is empty", f"name at least one of {', '.join(values)}")
    for name, entries in values.items():
        yield from under((name,), _each(entries, bool, "is empty", "remove it"))


def _each(entries: Sequence[str], good: Callable[[str], object], message: str, hint: str) -> Iterator[Issue]:
    for index, entry in enumerate(entries):
        if (entry and not good(entry)) or (not entry and good is bool):
            yield Issue((index,), f"{entry!r} {message}", hint)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65535


def _is_path(text: str) -> bool:
    """Templates have wildcards for whole segments; other paths may begin or end with a star."""
    if "{" not in text and "}" not in text:
        return True
    segments = text.removeprefix("/").split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments) or segments.count("{**}") > 1:
        return False
    return "{**}" not in segments or "{*}" not in segments[segments.index("{**}") :]


def _condition(condition: Condition) -> Iterator[Issue]:
    if not condition.values and not condition.not_values:
        yield Issue((), "the condition has neither values nor notValues", "add values: […]")
    check = _attribute(condition.key)
    if check is None:
        yield Issue(("key",), f"{condition.key!r} is not an attribute", "see Istio's list of authorization policy conditions")
        return
    good, message = check
    for name, values in (("values", condition.values), ("notValues", condition.not_values)):
        yield from under((name,), _each(values, good, message, ""))
        if name == "values" or values:
            yield from under((name,), _each(values, bool, "is empty", "remove it"))


def _attribute(key: str) -> tuple[Callable[[str], object], str] | None:
    """How the values of an attribute are judged; None for an attribute that there is not."""
    match key:
        case "source.ip" | "remote.ip" | "destination.ip":
            return is_subnet, "is neither an address nor a range of them"
        case "destination.port":
            return _is_port, "is not a port"
        case "source.namespace" | "source.principal" | "source.serviceAccount" | "source.trustDomain" | "connection.sni":
            return str, ""
        case "request.auth.principal" | "request.auth.audiences" | "request.auth.presenter":
            return str, ""
        case _ if re.fullmatch(
            r"(request\.headers\[[^\[\]]+\]|request\.auth\.claims(\[[^\[\]]+\])+|experimental\.envoy\.filters\..+\[.+\])", key
        ):
            return str, ""
        case _:
            return None


def _custom(rule: Rule) -> Iterator[Issue]:
    """What is known only after the point where an outside authorizer is asked."""
    for index, origin in enumerate(rule.from_):
        for name in _NOT_CUSTOM:
            if origin.source is not None and _values(origin.source, name):
                yield Issue(("from", index, "source", name), f"{name} can't be used with CUSTOM")
    for index, condition in enumerate(rule.when):
        if condition.key in ("source.namespace", "source.principal", "source.serviceAccount") or condition.key.startswith("request.auth."):
            yield Issue(("when", index, "key"), f"{condition.key} can't be used with CUSTOM")


def _denies_tcp(rule: Rule) -> bool:
    """Whether nothing but HTTP fields restricts the rule."""
    sources = [o.source for o in rule.from_ if o.source is not None]
    operations = [t.operation for t in rule.to if t.operation is not None]
    tcp_source = any(_values(s, n) for s in sources for n in _SOURCE_FIELDS if n not in _HTTP_SOURCES)
    tcp_operation = any(o.ports or o.not_ports for o in operations)
    return bool(sources and not operations and not tcp_source) or bool(operations and not tcp_operation)


def _values(message: Source | Operation, name: str) -> Sequence[str]:
    values: Sequence[str] = getattr(message, re.sub(r"([A-Z])", lambda m: "_" + m[1].lower(), name))
    return values
