"""Which listeners and filter chains a patch means."""

from collections.abc import Callable, Iterator

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener

from ostria.translate import names
from ostria.translate.patches.entry import Entry

_VIRTUAL = (names.VIRTUAL_INBOUND, names.VIRTUAL_OUTBOUND)
"""They listen on one port for all: the port that a patch means is in their filter chains."""


def listener_matches(listener: Listener, entry: Entry) -> bool:
    wanted = entry.listener
    if wanted is None:
        return True
    if wanted.name and wanted.name != listener.name:
        return False
    if entry.place != "LISTENER" and listener.name in _VIRTUAL:
        return True
    return not wanted.port_number or wanted.port_number == listener.address.socket_address.port_value


def matches(listener: Listener, chain: FilterChain, entry: Entry) -> bool:
    """Both the listener and the chain."""
    if not listener_matches(listener, entry):
        return False
    wanted = entry.listener
    if wanted is None:
        return True
    of_chain = chain.filter_chain_match.destination_port.value
    if listener.name in _VIRTUAL and wanted.port_number and wanted.port_number != of_chain:
        return False
    return all(condition(chain) for condition in _conditions(entry))


def _conditions(entry: Entry) -> Iterator[Callable[[FilterChain], bool]]:
    wanted = entry.chain
    if wanted is None:
        return
    if wanted.name:
        yield lambda chain: chain.name == wanted.name
    if wanted.sni:
        yield lambda chain: wanted.sni in chain.filter_chain_match.server_names
    if wanted.transport_protocol:
        yield lambda chain: chain.filter_chain_match.transport_protocol == wanted.transport_protocol
    if wanted.transport_socket:
        yield lambda chain: chain.transport_socket.name == wanted.transport_socket
    if wanted.application_protocols:
        protocols = wanted.application_protocols.split(",")
        yield lambda chain: all(p in chain.filter_chain_match.application_protocols for p in protocols)
    if wanted.destination_port:
        yield lambda chain: chain.filter_chain_match.destination_port.value == wanted.destination_port
