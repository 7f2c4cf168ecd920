"""Incremental xDS: requests change a subscription, responses carry what changed and what is gone."""

from collections.abc import Mapping

from ostria.discovery.protocol.on_demand import Demand
from ostria.discovery.protocol.rejections import Rejection, Rejections
from ostria.discovery.protocol.requests import DeltaRequest, Response
from ostria.discovery.protocol.sharing import Shared
from ostria.discovery.protocol.stream import WILDCARD, Stream, implied_wildcard
from ostria.discovery.protocol.subscription import Plan, Subscription
from ostria.discovery.protocol.virtual_hosts import VirtualHosts
from ostria.discovery.protocol.wire import delta_answer, delta_end, delta_entries
from ostria.translate.names import RDS
from ostria.translate.prepared import ResourceSet


class DeltaStream(Stream):
    def __init__(self, shared: Shared, rejections: Rejections, nonce_prefix: str) -> None:
        super().__init__(shared, rejections, nonce_prefix)
        self.demand = Demand()

    def on_demand(self, type_url: str) -> frozenset[str] | None:
        return self.demand.asked(type_url) if self.demand.concerns(type_url) else None

    def asked(self, type_url: str) -> int:
        return max(super().asked(type_url), len(self.on_demand(type_url) or ()))

    def update(self, worlds: Mapping[str, ResourceSet]) -> bool:
        return super().update(
            {kind: content if content.offer is None else self.demand.narrowed(content) for kind, content in worlds.items()}
        )

    def receive(self, request: DeltaRequest, content: ResourceSet) -> list[Rejection]:
        """Take a request in; `content` is what this proxy may have of a type that it asks for the first time. Gives the resources that it refused.

        Subscriptions change whatever the nonce says: it only tells which response is answered.
        """
        found = self._subscriptions.get(request.type_url)
        if found is None:
            self._begin(request, content)
            return []
        rejected = self._answered(found, request.nonce, request.error) if request.nonce else []
        if request.type_url == RDS and (request.subscribe or request.unsubscribe):
            self._routes_asked(request.subscribe, request.unsubscribe)
        self._subscribe(found, request)
        return rejected

    def _begin(self, request: DeltaRequest, content: ResourceSet) -> None:
        opened = self._open(request.type_url, self.demand.narrowed(content))
        if request.initial_versions:
            opened.claim(request.initial_versions)
            self._resumed = True
            if request.type_url == RDS:
                self._resumed_routes = frozenset(request.initial_versions)
        else:
            self.rejections.forget(request.type_url)
        self._compare_reports()
        if implied_wildcard(request.type_url, request.subscribe):
            opened.begin_wildcard(implied=True)
        self._subscribe(opened, request)

    def _subscribe(self, found: Subscription, request: DeltaRequest) -> None:
        if WILDCARD in request.subscribe:
            found.begin_wildcard()
        if names := [name for name in request.subscribe if name != WILDCARD]:
            self._ask(found, names)
        if WILDCARD in request.unsubscribe:
            found.end_wildcard()
        if names := [name for name in request.unsubscribe if name != WILDCARD]:
            if self.demand.concerns(found.type_url):
                self.demand.drop(found.type_url, names)
                self._choose_anew()
            found.drop(names)

    def _ask(self, found: Subscription, names: list[str]) -> None:
        if self.demand.concerns(found.type_url):
            self.demand.ask(found.type_url, names)
            self._choose_anew()
            if isinstance(found, VirtualHosts):
                found.answer(self.demand.answers(names))
                return
        found.add(names)

    def _choose_anew(self) -> None:
        super().update({content.type_url: content for content in self.demand.renewed()})

    def _encode(self, subscription: Subscription, plan: Plan, version: str) -> Response:
        kind, nonce = subscription.type_url, self._next_nonce()
        entries = self.shared.entries("delta", plan.bulk, kind, delta_entries) if plan.bulk else b""
        own = self._own_entries(plan, kind) if plan.rest or plan.answered else b""
        parts = (entries, own, delta_end(plan.removed, version, kind, nonce))
        return Response(type_url=kind, nonce=nonce, parts=parts, resources=len(plan.bulk) + len(plan.rest), removed=len(plan.removed))

    @staticmethod
    def _own_entries(plan: Plan, kind: str) -> bytes:
        """What is this proxy's own; a resource that is sent says which questions it answers, and one that is not sent says it without its content."""
        sent = {each.name for each in plan.rest}
        aliases = {each.name: each.aliases for each in plan.answered if each.name in sent}
        bare = (delta_answer(*each) for each in plan.answered if each.name not in sent)
        return b"".join((delta_entries(plan.rest, kind, aliases), *bare))
