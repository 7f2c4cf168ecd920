"""Virtual hosts delivered apart from their route configuration (VHDS), made of the very bytes that are inline for everybody else.

Apart from its name a virtual host is the same either way: Envoy wants `CONFIGURATION/HOST` there and splits it at the last slash. What must stay inline
stays: the host for everything (`*`), which a proxy should have from the first moment (not where hosts are discovered on demand: there it would hide all
that isn't there yet), and hosts that an EnvoyFilter named with a slash. A configuration that
an EnvoyFilter changed is taken apart after the change, so it says the same as inline, and no proxy is moved from one way to the other when filters
come and go: Envoy would answer 404 for a moment. Only where a filter brings a virtual host discovery of its own does the configuration stay whole, and for
proxies that discover on demand where a host would stay inline: it could hide hosts that aren't there yet.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from ostria.api.meta import ObjectKey
from ostria.snapshot.view import ViewKey
from ostria.translate import routes, splice
from ostria.translate.names import VHDS, virtual_host
from ostria.translate.prepared import Prepared, content_version, prepare

_NAME = VirtualHost.NAME_FIELD_NUMBER
_EVERYTHING = "*"


class Apart(NamedTuple):
    """`hosts` by the name under which they are delivered."""

    shell: Prepared
    hosts: Mapping[str, Prepared]


class Delivery(Enum):
    """How a route configuration's virtual hosts get to a proxy."""

    WHOLE = "in their configuration"
    APART = "one by one, all of them"
    ON_DEMAND = "one by one, when they are asked for"

    def moves(self, name: str, domains: Iterable[str]) -> bool:
        """Whether a virtual host is delivered apart from its configuration."""
        if self is Delivery.WHOLE or "/" in name:
            return False
        return self is Delivery.ON_DEMAND or _EVERYTHING not in domains


def delivery(view: ViewKey, *, single: bool) -> Delivery:
    """`single`: the configuration has one host for whatever comes, so that there is nothing to deliver one by one; yet it can wait for being asked for."""
    if view.on_demand:
        return Delivery.ON_DEMAND
    return Delivery.APART if view.vhds and not single else Delivery.WHOLE


class Renamed:
    """The hosts of one route configuration under their other names; each made once, as long as its own bytes are the same."""

    def __init__(self, intern: Callable[[str, Prepared], Prepared]) -> None:
        self._intern = intern
        self._known: dict[str, tuple[Prepared, Prepared]] = {}

    def hosts(self, config: str, inline: Iterable[Prepared]) -> Mapping[str, Prepared]:
        last, self._known = self._known, {}
        found = {}
        for host in inline:
            pair = last.get(host.name)
            if pair is None or pair[0] is not host:
                pair = (host, self._intern(VHDS, renamed(host, virtual_host(config, host.name))))
            self._known[host.name] = pair
            found[pair[1].name] = pair[1]
        return found


def renamed(host: Prepared, name: str) -> Prepared:
    """The name is a message's first field, so the rest of the bytes is taken as it is."""
    old, new = host.name.encode(), name.encode()
    before = splice.head(_NAME, len(old)) + old
    if not host.body.startswith(before):
        raise ValueError(f"the bytes of virtual host {host.name} don't begin with its name")
    body = splice.head(_NAME, len(new)) + new + host.body[len(before) :]
    return Prepared(name, body, content_version(body), host.origins)


def taken_apart(whole: Prepared, by: Delivery, origins: Mapping[str, tuple[ObjectKey, ...]]) -> Apart:
    """A finished configuration in parts. `origins` are those of its hosts before EnvoyFilters changed them; the filters are known from `whole`."""
    message = RouteConfiguration.FromString(whole.body)
    if message.HasField("vhds"):
        return Apart(whole, {})
    filters = tuple(origin for origin in whole.origins if origin.kind == "EnvoyFilter")
    inline, hosts = [], {}
    for host in message.virtual_hosts:
        name = virtual_host(message.name, host.name)
        if name in hosts or not by.moves(host.name, host.domains):
            inline.append(host)
            continue
        made_by = (*origins.get(host.name, ()), *filters)
        host.name = name
        hosts[name] = prepare(name, host, made_by)
    if by is Delivery.ON_DEMAND and inline:
        return Apart(whole, {})
    return Apart(_shell(message, inline, whole.origins), hosts)


def _shell(message: RouteConfiguration, inline: list[VirtualHost], origins: tuple[ObjectKey, ...]) -> Prepared:
    shell = RouteConfiguration()
    shell.CopyFrom(message)
    del shell.virtual_hosts[:]
    shell.virtual_hosts.extend(inline)
    routes.deliver_apart(shell)
    return prepare(message.name, shell, origins, ((VHDS, message.name),))
