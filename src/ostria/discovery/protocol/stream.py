"""All types of one proxy's stream: whose turn it is, what must wait for whom, and what the proxy refused.

The stream is pulled: `respond` gives the next response that may be sent now, or None. Whoever owns the socket calls it after every request and
every new world, until it gives None; a proxy that doesn't answer simply has nothing due.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from ostria.discovery.protocol.order import AFTER, IMPLICIT_WILDCARD, NAMED_BY, turn
from ostria.discovery.protocol.rejections import Rejection, Rejections
from ostria.discovery.protocol.requests import Response
from ostria.discovery.protocol.sharing import Shared
from ostria.discovery.protocol.subscription import NOTHING, Plan, Subscription
from ostria.discovery.protocol.virtual_hosts import VirtualHosts, delivered_apart
from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS
from ostria.translate.prepared import Prepared, ResourceSet

WILDCARD = "*"


class Stream(ABC):
    """`nonce_prefix` is unique to the stream: a relayed proxy may still answer the stream before this one."""

    def __init__(self, shared: Shared, rejections: Rejections, nonce_prefix: str) -> None:
        self.shared, self.rejections = shared, rejections
        self._nonce_prefix, self._count = nonce_prefix, 0
        self._subscriptions: dict[str, Subscription] = {}
        self.types: tuple[str, ...] = ()
        """Those that the proxy has asked for, in the order of a push."""
        self.answered: tuple[str, ...] = ()
        """Those of them that it has been given something of, or has been found to have nothing of."""
        self._awaited: set[str] = set()
        self._resumed = False
        self._resumed_routes: frozenset[str] = frozenset()
        """Route configurations that the proxy brought with it and has not asked for anew since."""
        self._followed: tuple[object, ...] = ()
        self._patient = True

    # What it is about

    def __iter__(self) -> Iterator[Subscription]:
        """Subscriptions in the order of a push."""
        return iter(self._subscriptions.values())

    def subscription(self, type_url: str) -> Subscription | None:
        return self._subscriptions.get(type_url)

    def on_demand(self, type_url: str) -> frozenset[str] | None:
        """Names that it asked for when traffic needed them; None where it is given everything."""
        return None

    def asked(self, type_url: str) -> int:
        """How many names of a type it asks for."""
        found = self._subscriptions.get(type_url)
        return len(found.names) if found is not None else 0

    @property
    def settled(self) -> bool:
        return all(each.settled for each in self)

    def may_respond(self) -> bool:
        """`respond` may come to something, as far as a glance tells."""
        return next(self._due(), None) is not None

    @property
    def waiting(self) -> bool:
        """Something is held back until the proxy answers."""
        return self._patient and any(not each.settled for each in self._due())

    # Events

    def update(self, worlds: Mapping[str, ResourceSet]) -> bool:
        """A new world: what the proxy should hold, by type; whether that is new. Types that it never asked for are passed over."""
        new = False
        for type_url, content in worlds.items():
            if (found := self._subscriptions.get(type_url)) is not None and found.current is not content:
                found.current, new = content, True
        self._patient = True
        return new

    def lose_patience(self) -> None:
        """The proxy took too long to acknowledge what additions wait for: go on without. Removals still wait for live acknowledgements."""
        self._awaited.clear()
        self._patient = False

    def respond(self, version: str) -> Response | None:
        """The next response; `version` is the world's, shown by tools. A type that comes to rest without a word may be what another waits for."""
        at_rest: set[str] = set()
        moved = True
        while moved:
            moved = False
            for each in self._due():
                if self._may_send(each.type_url):
                    before, plan = each.holds.base, each.plan(partial(self._may_remove, each.type_url))
                    if before is None:
                        self.answered = tuple(kind for kind in self.types if kind in self.answered or kind == each.type_url)
                    if plan is not None and (response := self._depart(each, plan, version)) is not None:
                        return response
                    if each.holds.base is not before:
                        moved = True
                    elif each.settled and each.type_url not in at_rest:
                        moved = True
                        at_rest.add(each.type_url)
        return None

    # Shared by both variants

    def _open(self, type_url: str, content: ResourceSet) -> Subscription:
        variant = VirtualHosts if type_url == VHDS else Subscription
        opened = variant(type_url, self.shared, self.rejections, content)
        more = {**self._subscriptions, type_url: opened}
        # A new dictionary each time: debug pages read the old one from another thread.
        self._subscriptions = {each: more[each] for each in sorted(more, key=turn)}
        self.types = tuple(self._subscriptions)
        return opened

    def _answered(self, subscription: Subscription, nonce: str, words: str | None) -> list[Rejection]:
        """The proxy's answer to the response in flight. A nonce of another response acknowledges nothing."""
        flight = subscription.flight
        if flight is None or flight.nonce != nonce:
            return []
        if subscription.type_url == EDS:
            self._awaited.difference_update(each.name for each in flight.plan.sent)
            self._awaited.difference_update(flight.plan.removed)
        if words is None:
            subscription.acknowledge()
            return []
        if subscription.type_url == CDS:
            self._awaited.clear()
        return subscription.refuse(words)

    def _next_nonce(self) -> str:
        self._count += 1
        return f"{self._nonce_prefix}{self._count}"

    def _depart(self, subscription: Subscription, plan: Plan, version: str) -> Response | None:
        if subscription.type_url == CDS:
            self._lead_endpoints(subscription, plan)
        response = self._encode(subscription, plan, version)
        if response is not None:
            subscription.depart(plan, response.nonce)
        return response

    @abstractmethod
    def _encode(self, subscription: Subscription, plan: Plan, version: str) -> Response | None:
        """The bytes of a plan; None when this variant has no way to say it."""

    def _due(self) -> Iterator[Subscription]:
        """In the order of a push; each is looked at in its turn."""
        for each in self._subscriptions.values():
            if each.flight is None:
                if each.type_url == VHDS:
                    self._follow_routes(each)
                if each.due:
                    yield each

    # Virtual hosts and the route configurations that they belong to

    def _routes_asked(self, subscribed: Iterable[str], unsubscribed: Iterable[str]) -> None:
        """Before the route configurations of this request are answered."""
        self._resumed_routes -= frozenset((*subscribed, *unsubscribed))
        self._followed = ()
        if isinstance(hosts := self._subscriptions.get(VHDS), VirtualHosts):
            hosts.ask_anew((*subscribed, *unsubscribed))
            hosts.release(frozenset(unsubscribed).difference(subscribed))

    def _compare_reports(self) -> None:
        """Once both types are open: what a reconnecting proxy reports of virtual hosts counts where it reports their configuration."""
        if isinstance(hosts := self._subscriptions.get(VHDS), VirtualHosts) and RDS in self._subscriptions:
            hosts.compare(self._resumed_routes)

    def _hosts_come_first(self) -> bool:
        """What the proxy reports of virtual hosts is to be looked at, and taken back where it is wrong, before it gets their configuration again."""
        hosts = self._subscriptions.get(VHDS)
        if isinstance(hosts, VirtualHosts):
            return bool(hosts.retired)
        routes = self._subscriptions[RDS]
        return self._patient and any(delivered_apart(routes.current.get(name)) for name in self._resumed_routes)

    def _follow_routes(self, subscription: Subscription) -> None:
        routes = self._subscriptions.get(RDS)
        if not isinstance(subscription, VirtualHosts) or routes is None:
            return
        now = (routes.names, routes.holds, routes.current)
        if len(self._followed) != len(now) or any(a is not b for a, b in zip(now, self._followed, strict=True)):
            self._followed = now
            subscription.follow(frozenset(_given_apart(routes)))

    # Make before break

    def _lead_endpoints(self, clusters: Subscription, plan: Plan) -> None:
        """A changed cluster warms until its endpoints come, and Envoy doesn't ask for them again: they follow by themselves.

        What names a new cluster waits until its endpoints are acknowledged.
        """
        endpoints = self._subscriptions.get(EDS)
        if endpoints is None:
            return
        before = clusters.held_before
        for name, cluster in _endpoint_names(plan.sent):
            endpoints.resend((name,))
            if before is not NOTHING and before.get(cluster) is None:
                self._awaited.add(name)

    def _may_send(self, type_url: str) -> bool:
        if type_url == RDS and self._hosts_come_first():
            return False
        if not self._patient or type_url not in AFTER:
            return True
        if self._awaited:
            return False
        earlier = (self._subscriptions.get(each) for each in AFTER[type_url])
        return not any(each is not None and each.flight is not None and each.flight.plan.sent for each in earlier)

    def _may_remove(self, type_url: str) -> bool:
        for namer in NAMED_BY.get(type_url, ()):
            found = self._subscriptions.get(namer)
            if found is None and self._resumed and self._patient and (namer in (LDS, RDS) or self._takes_virtual_hosts()):
                return False
            if found is not None:
                self._follow_routes(found)
            if found is not None and not found.settled:
                return False
        return type_url != CDS or self._routes_have_arrived()

    def _takes_virtual_hosts(self) -> bool:
        """It will ask for virtual hosts, if it has not yet."""
        routes = self._subscriptions.get(RDS)
        return routes is not None and any(delivered_apart(routes.current.get(name)) for name in routes.names)

    def _routes_have_arrived(self) -> bool:
        """Every route configuration that the listeners name has been asked for: until then old listeners carry the traffic."""
        listeners, routes = self._subscriptions.get(LDS), self._subscriptions.get(RDS)
        if listeners is None or routes is None or not self._patient:
            return True
        return all(routes.wants(name) for name in _required(listeners.current, RDS))


def implied_wildcard(type_url: str, names: Iterable[str]) -> bool:
    """The first request for a type that names nothing asks for everything, for the types that know everything."""
    return type_url in IMPLICIT_WILDCARD and not any(True for _ in names)


def _given_apart(routes: Subscription) -> Iterator[str]:
    """The configurations whose shell the proxy has been given, and which are still there."""
    return (name for name in routes.names if routes.holds.get(name) is not None and delivered_apart(routes.current.get(name)))


def _endpoint_names(clusters: Iterable[Prepared]) -> Iterator[tuple[str, str]]:
    for cluster in clusters:
        for type_url, name in cluster.requires:
            if type_url == EDS:
                yield name, cluster.name


def _required(content: ResourceSet, type_url: str) -> Iterator[str]:
    return (name for each in content for kind, name in each.requires if kind == type_url)
