"""Claims of a verified token, as the JWT filter leaves them in dynamic metadata under `payload`.

A request principal is `ISSUER/SUBJECT`, two claims: a value is compared to the joined text by trying every slash in it as the joint, since issuers are
URLs and hold slashes of their own.
"""

from collections.abc import Iterator, Sequence

from envoy.config.rbac.v3.rbac_pb2 import Principal, SourcedMetadata
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.value_pb2 import ListMatcher, OrMatcher, ValueMatcher

from ostria.translate.filters.rbac.values import Kind, Value, parse, string

JWT_FILTER = "envoy.filters.http.jwt_authn"
PAYLOAD = "payload"
_PRESENT = ValueMatcher(present_match=True)


def metadata(namespace: str, path: Sequence[str], value: ValueMatcher) -> SourcedMetadata:
    segments = [MetadataMatcher.PathSegment(key=key) for key in path]
    return SourcedMetadata(metadata_matcher=MetadataMatcher(filter=namespace, path=segments, value=value))


def claim(path: Sequence[str], values: Sequence[str]) -> Principal:
    """A claim that is one of `values`, or a list that holds one."""
    wanted = [m for v in values for m in _one_claim(v)]
    value = wanted[0] if len(wanted) == 1 else ValueMatcher(or_match=OrMatcher(value_matchers=wanted))
    return Principal(sourced_metadata=metadata(JWT_FILTER, (PAYLOAD, *path), value))


def _one_claim(value: str) -> Iterator[ValueMatcher]:
    if value == "*":
        yield _PRESENT
        return
    text = ValueMatcher(string_match=string(value))
    yield text
    yield in_list(text)


def in_list(one: ValueMatcher) -> ValueMatcher:
    return ValueMatcher(list_match=ListMatcher(one_of=one))


def request_principal(value: str) -> Principal:
    pairs = [Principal(and_ids=Principal.Set(ids=[_exactly("iss", i), _exactly("sub", s)])) for i, s in _joints(parse(value))]
    if not pairs:
        return Principal(not_id=Principal(any=True))
    return pairs[0] if len(pairs) == 1 else Principal(or_ids=Principal.Set(ids=pairs))


def _exactly(name: str, value: Value) -> Principal:
    matcher = _PRESENT if value.kind is Kind.PRESENT else ValueMatcher(string_match=string(value))
    return Principal(sourced_metadata=metadata(JWT_FILTER, (PAYLOAD, name), matcher))


def _joints(value: Value) -> Iterator[tuple[Value, Value]]:
    """(issuer, subject) pairs of which one holds exactly if `issuer/subject` matches `value`."""
    anything = Value(Kind.PRESENT, "")
    kind, text = value
    at = [i for i, c in enumerate(text) if c == "/"]
    splits = [(text[:i], text[i + 1 :]) for i in at]
    match kind:
        case Kind.PRESENT:
            yield anything, anything
        case Kind.EXACT:
            yield from ((Value(Kind.EXACT, i), Value(Kind.EXACT, s)) for i, s in splits)
        case Kind.PREFIX:
            yield from ((Value(Kind.EXACT, i), Value(Kind.PREFIX, s) if s else anything) for i, s in splits)
            yield value, anything
        case Kind.SUFFIX:
            yield from ((Value(Kind.SUFFIX, i) if i else anything, Value(Kind.EXACT, s)) for i, s in splits)
            yield anything, value
