"""Why a stream or call ends before its time."""

import grpc


class Refused(Exception):
    """`status` and the text go to the peer: the text says what it can do, never what we know."""

    def __init__(self, status: grpc.StatusCode, text: str, reason: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text
        self.reason = reason
        """A word for the metric."""


def too_much(text: str) -> Refused:
    return Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, text, "limit")


def malformed(text: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, text, "malformed")


def not_yours(text: str) -> Refused:
    return Refused(grpc.StatusCode.PERMISSION_DENIED, text, "identity")
