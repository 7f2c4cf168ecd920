"""The body of a request, by its length or in chunks, never more than MAX_BODY of it in memory."""

from email.message import Message
from io import BufferedIOBase

MAX_BODY = 16 << 20
MAX_LINE = 8 << 10
_HEX = frozenset(b"0123456789abcdefABCDEF")


class BadBody(ValueError):
    """Nobody can tell where the next request begins: answer with this status and close the connection."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def read(headers: Message, stream: BufferedIOBase) -> bytes:
    lengths = set(headers.get_all("content-length", ()))
    codings = [coding.strip().lower() for value in headers.get_all("transfer-encoding", ()) for coding in value.split(",")]
    if codings:
        if codings != ["chunked"] or lengths:
            raise BadBody(400, "the body is framed in two ways, or in one that is not known here")
        return _chunks(stream)
    if not lengths:
        return b""
    if len(lengths) > 1 or not (text := lengths.pop()).isascii() or not text.isdigit():
        raise BadBody(400, "content-length is not one number")
    return _exactly(stream, _bounded(int(text)))


def _bounded(size: int) -> int:
    if size > MAX_BODY:
        raise BadBody(413, f"the body is larger than {MAX_BODY} bytes")
    return size


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise BadBody(400, "the body ended early")
    return data


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        raise BadBody(400, "a chunk's head is too long or ended early")
    return line.rstrip(b"\r\n")


def _chunks(stream: BufferedIOBase) -> bytes:
    body = bytearray()
    while True:
        size = _line(stream).split(b";")[0].strip()
        if not size or not _HEX.issuperset(size):
            raise BadBody(400, "a chunk has no size")
        if not (length := int(size, 16)):
            break
        _bounded(len(body) + length)
        body += _exactly(stream, length)
        if _line(stream):
            raise BadBody(400, "a chunk is longer than it says")
    while _line(stream):
        pass  # trailers are read past: no example has a use for them
    return bytes(body)
