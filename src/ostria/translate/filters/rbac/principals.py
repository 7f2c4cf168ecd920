"""Who asks: the caller's certificate, its address, its token, and what its headers claim."""

import re
from collections.abc import Iterable, Iterator, Sequence

from envoy.config.rbac.v3.rbac_pb2 import Principal
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from ostria.translate.filters.rbac.values import Kind, cidr, header, parse, regex

SPIFFE = "spiffe://"
LOCAL_DOMAIN = "cluster.local"
"""In a policy this trust domain means the mesh's own, whatever that is called."""


def any_of(found: Sequence[Principal]) -> Principal:
    return found[0] if len(found) == 1 else Principal(or_ids=Principal.Set(ids=found))


def all_of(found: Sequence[Principal]) -> Principal:
    if not found:
        return Principal(any=True)
    return found[0] if len(found) == 1 else Principal(and_ids=Principal.Set(ids=found))


def none_of(found: Sequence[Principal]) -> Principal:
    return Principal(not_id=any_of(found))


NOBODY = Principal(not_id=Principal(any=True))


def _certificate(name: StringMatcher) -> Principal:
    return Principal(authenticated=Principal.Authenticated(principal_name=name))


def principal(value: str) -> Principal:
    """The SPIFFE id in the caller's certificate, without its scheme."""
    kind, text = parse(value)
    match kind:
        case Kind.EXACT:
            return _certificate(StringMatcher(exact=SPIFFE + text))
        case Kind.PREFIX:
            return _certificate(StringMatcher(prefix=SPIFFE + text))
        case Kind.SUFFIX:
            return _certificate(regex(f"(?s){SPIFFE}.*{re.escape(text)}"))
        case Kind.PRESENT:
            return _certificate(regex("(?s).+"))


def in_trust_domains(value: str, domains: Sequence[str]) -> Iterator[str]:
    """The value under each name of the mesh's trust domain, if it is one of them; other trust domains stand for themselves."""
    domain, slash, rest = value.partition("/")
    if not slash or domain == "*":
        yield value
        return
    wanted = parse(domain)
    pattern = re.compile(wanted.pattern)
    known = domain == LOCAL_DOMAIN or any(pattern.fullmatch(d) for d in domains)
    if not known:
        yield value
        return
    if wanted.kind is not Kind.EXACT:
        yield value
    yield from (f"{d}/{rest}" for d in domains if wanted.kind is Kind.EXACT or not pattern.fullmatch(d))


def principals(values: Iterable[str], domains: Sequence[str]) -> list[Principal]:
    return [principal(v) for v in dict.fromkeys(d for value in values for d in in_trust_domains(value, domains))]


def _segment(value: str) -> str:
    """A value that stands between two slashes."""
    kind, text = parse(value)
    match kind:
        case Kind.EXACT:
            return re.escape(text)
        case Kind.PREFIX:
            return f"{re.escape(text)}[^/]*"
        case Kind.SUFFIX:
            return f"[^/]*{re.escape(text)}"
        case Kind.PRESENT:
            return "[^/]+"


def namespace(value: str) -> Principal:
    return _certificate(regex(f"{SPIFFE}[^/]+/ns/{_segment(value)}/sa/[^/]+"))


def service_account(value: str, own_namespace: str) -> Principal:
    """`NAMESPACE/NAME`, or a name in the policy's own namespace."""
    home, slash, name = value.rpartition("/")
    return _certificate(regex(f"{SPIFFE}[^/]+/ns/{_segment(home if slash else own_namespace)}/sa/{_segment(name)}"))


def trust_domains(values: Iterable[str], domains: Sequence[str]) -> list[Principal]:
    named = (d for v in values for d in (domains if v == LOCAL_DOMAIN or v in domains else (v,)))
    return [_certificate(regex(f"(?s){SPIFFE}{_segment(v)}/.*")) for v in dict.fromkeys(named)]


def direct_address(value: str) -> Principal:
    """The address that the connection comes from."""
    return Principal(direct_remote_ip=cidr(value))


def original_address(value: str) -> Principal:
    """The caller's address as trusted proxies before us tell it."""
    return Principal(remote_ip=cidr(value))


def request_header(name: str, value: str) -> Principal:
    return Principal(header=header(name, value))
