"""For tests only: spoil a resource so that every Envoy refuses it, which no object should be able to ask for.

The order is `NAME=TEXT`: the resource of that name is spoilt while its text form holds TEXT, so that a test can make a good one bad, and good again,
by changing the object that it comes from.
"""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from google.protobuf.message import Message

from ostria.translate.workshop import Tamper

TAMPER = "OSTRIA_TEST_TAMPER"
"""The environment variable that holds an order, for control planes that tests start."""


def tamper(order: str) -> Tamper:
    """Raise ValueError for an order that is none."""
    wanted, separator, text = order.partition("=")
    if not (wanted and separator and text):
        raise ValueError(f"{order!r} is not NAME=TEXT")

    def apply(name: str, message: Message) -> Message:
        return _spoilt(message) if name == wanted and text in str(message) else message

    return apply


def _spoilt(message: Message) -> Message:
    match message:
        case Cluster():
            message.connect_timeout.seconds = -1
        case Listener():
            message.ClearField("address")
        case VirtualHost():
            message.ClearField("domains")
    return message
