"""Incremental xDS: requests change a subscription, responses carry what changed and what is gone."""

from ostria.discovery.protocol.rejections import Rejection
from ostria.discovery.protocol.requests import DeltaRequest, Response
from ostria.discovery.protocol.stream import WILDCARD, Stream, implied_wildcard
from ostria.discovery.protocol.subscription import Plan, Subscription
from ostria.discovery.protocol.wire import delta_end, delta_entries
from ostria.translate.names import RDS
from ostria.translate.prepared import ResourceSet


class DeltaStream(Stream):
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
        opened = self._open(request.type_url, content)
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
            found.add(names)
        if WILDCARD in request.unsubscribe:
            found.end_wildcard()
        if names := [name for name in request.unsubscribe if name != WILDCARD]:
            found.drop(names)

    def _encode(self, subscription: Subscription, plan: Plan, version: str) -> Response:
        kind, nonce = subscription.type_url, self._next_nonce()
        entries = self.shared.entries("delta", plan.bulk, kind, delta_entries) if plan.bulk else b""
        parts = (entries, delta_entries(plan.rest, kind), delta_end(plan.removed, version, kind, nonce))
        return Response(type_url=kind, nonce=nonce, parts=parts, resources=len(plan.bulk) + len(plan.rest), removed=len(plan.removed))
