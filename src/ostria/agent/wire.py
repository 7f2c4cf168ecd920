"""Just enough of protobuf's wire format to look at a relayed message without decoding it.

A relay that parsed every response would pay for each cluster and route twice; all it needs to know is a message's type URL and nonce.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5

_RESPONSE_TYPE_URL: Final = 4
_RESPONSE_NONCE: Final = 5


class WireError(ValueError):
    """The bytes are not a protobuf message."""


class Field(NamedTuple):
    """`value` is the bytes of a length-delimited field, or the number of a varint; other wire types are skipped."""

    number: int
    value: bytes | int


class ResponseHeader(NamedTuple):
    type_url: str
    nonce: str


def response_header(delta_response: bytes) -> ResponseHeader:
    """Type and nonce of a DeltaDiscoveryResponse."""
    type_url = nonce = ""
    for number, value in fields(delta_response, (_RESPONSE_TYPE_URL, _RESPONSE_NONCE)):
        if isinstance(value, bytes):
            if number == _RESPONSE_TYPE_URL:
                type_url = value.decode("utf-8", errors="replace")
            else:
                nonce = value.decode("utf-8", errors="replace")
    return ResponseHeader(type_url, nonce)


def fields(data: bytes, wanted: tuple[int, ...]) -> Iterator[Field]:
    """The wanted fields in order of appearance; the rest is stepped over, not copied. Raise WireError at the first bad byte."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES:
            length, start = varint(data, at)
            at = start + length
            if at > len(data):
                raise WireError("a field is longer than its message")
            if number in wanted:
                yield Field(number, data[start:at])
        elif kind == _VARINT:
            value, at = varint(data, at)
            if number in wanted:
                yield Field(number, value)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise WireError(f"wire type {kind}")
    if at > len(data):
        raise WireError("the last field is cut off")


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise WireError("a number is cut off")


def text_field(number: int, text: str) -> bytes:
    """A string field, encoded; empty text is no field."""
    body = text.encode()
    return encode_varint(number << 3 | _BYTES) + encode_varint(len(body)) + body if body else b""


def encode_varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
