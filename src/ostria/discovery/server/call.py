"""One stream of gRPC as its handler sees it: messages one at a time, and an end.

A call that still has a message on its way takes no status: gRPC refuses the operation, with a traceback in the log, and the peer hears nothing. It happens to
peers that go, or are dropped, in the middle of a message. Such a call is left as it is; letting go of it resets the stream.
"""

import asyncio
from typing import Any

import grpc


class Call:
    __slots__ = ("_context", "_writing")

    def __init__(self, context: Any) -> None:
        self._context, self._writing = context, False

    async def write(self, data: bytes) -> None:
        """Also when the wait for it is given up, the message stays on its way."""
        self._writing = True
        await self._context.write(data)
        self._writing = False

    async def end(self, status: grpc.StatusCode, text: str) -> None:
        """Raises, whatever happens: the handler is over."""
        self.leave()
        await self._context.abort(status, text)

    def leave(self) -> None:
        """Before the handler returns: raise CancelledError where it must not, since returning sends a status."""
        if self._writing:
            raise asyncio.CancelledError
