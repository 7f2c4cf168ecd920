"""Serialized messages joined without parsing them: a repeated field is its entries one after another.

So a route configuration of a thousand virtual hosts is made of bytes that were built once each, and a change of one costs one. Tests compare
the result with what protobuf itself parses.
"""

from collections.abc import Iterable

_LENGTH_DELIMITED = 2
_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))


def varint(number: int) -> bytes:
    """Lengths of names and resources are one or two bytes, as a rule: those are made at once."""
    if number < 0x80:
        return _ONE_BYTE[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def head(field: int, size: int) -> bytes:
    """What stands before the `size` bytes of a string, message or bytes field."""
    return varint(field << 3 | _LENGTH_DELIMITED) + varint(size)


def append(message: bytes, field: int, entries: Iterable[bytes]) -> bytes:
    """`message` with `entries` added to its repeated field number `field`."""
    parts = [message]
    for entry in entries:
        parts += (head(field, len(entry)), entry)
    return b"".join(parts)
