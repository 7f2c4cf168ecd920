"""Prepared bytes joined into discovery responses: the one place that knows the fields of these messages.

A repeated field is its entries one after another, so a response is glued from entries that were made once. The nonce comes last: all that
precedes it can be shared by every proxy that gets the same resources. Tests compare the result with what upb parses.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from ostria.translate.prepared import Prepared
from ostria.translate.splice import head

_NONE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


def _text(number: int, text: str) -> bytes:
    """A string field; an empty one is absent, as proto3 has it."""
    data = text.encode()
    return head(number, len(data)) + data if data else b""


def delta_entries(resources: Iterable[Prepared], type_url: str, aliases: Mapping[str, tuple[str, ...]] = _NONE) -> bytes:
    """DeltaDiscoveryResponse.resources (2): Resource {version 1, resource 2: Any {type_url 1, value 2}, name 3, aliases 4}."""
    url = _text(1, type_url)
    parts: list[bytes] = []
    for prepared in resources:
        body = prepared.body
        value = head(2, len(body)) if body else b""
        before = _text(1, prepared.version) + head(2, len(url) + len(value) + len(body)) + url + value
        after = _text(3, prepared.name)
        if prepared.name in aliases:
            after += b"".join(_text(4, alias) for alias in aliases[prepared.name])
        parts += (head(2, len(before) + len(body) + len(after)), before, body, after)
    return b"".join(parts)


def delta_answer(name: str, version: str, aliases: Iterable[str]) -> bytes:
    """A Resource without content: what waits for `aliases` goes on with the one of that name, which the proxy holds, or without any."""
    entry = b"".join((_text(1, version), _text(3, name), *(_text(4, alias) for alias in aliases)))
    return head(2, len(entry)) + entry


def delta_end(removed: Iterable[str], version: str, type_url: str, nonce: str) -> bytes:
    """What follows the entries."""
    gone = b"".join(_text(6, name) for name in removed)
    return b"".join((gone, _text(1, version), _text(4, type_url), _text(5, nonce)))


def sotw_entries(resources: Iterable[Prepared], type_url: str) -> bytes:
    """DiscoveryResponse.resources (2): Any {type_url 1, value 2}."""
    url, parts = _text(1, type_url), []
    for prepared in resources:
        value = head(2, len(prepared.body)) if prepared.body else b""
        parts += [head(2, len(url) + len(value) + len(prepared.body)), url, value, prepared.body]
    return b"".join(parts)


def sotw_end(version: str, type_url: str, nonce: str) -> bytes:
    return b"".join((_text(1, version), _text(4, type_url), _text(5, nonce)))
