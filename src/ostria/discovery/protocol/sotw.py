"""State of the world xDS: each request names everything that is wanted; for listeners and clusters each response holds all of it."""

from ostria.discovery.protocol.order import WHOLE
from ostria.discovery.protocol.rejections import Rejection
from ostria.discovery.protocol.requests import Response, SotwRequest
from ostria.discovery.protocol.stream import WILDCARD, Stream, implied_wildcard
from ostria.discovery.protocol.subscription import Plan, Subscription
from ostria.discovery.protocol.wire import sotw_end, sotw_entries
from ostria.translate.prepared import Prepared, ResourceSet


class SotwStream(Stream):
    def receive(self, request: SotwRequest, content: ResourceSet) -> list[Rejection]:
        """Take a request in; `content` is what this proxy may have of a type that it asks for the first time. Gives the resources that it refused.

        A request with an old nonce was written before the proxy saw our last response, and answers nothing. But its names count: what is dropped there and
        asked for again in the next one has been forgotten.
        """
        found = self._subscriptions.get(request.type_url)
        if found is None:
            self._begin(request, content)
            return []
        rejected = self._answered(found, request.nonce, request.error)
        self._subscribe(found, request.names)
        return rejected

    def _begin(self, request: SotwRequest, content: ResourceSet) -> None:
        opened = self._open(request.type_url, content)
        if request.version:
            self._resumed = opened.untold = True
        else:
            self.rejections.forget(request.type_url)
        opened.owes_answer = request.type_url in WHOLE
        if implied_wildcard(request.type_url, request.names):
            opened.begin_wildcard(implied=True)
        self._subscribe(opened, request.names)

    def _subscribe(self, found: Subscription, names: tuple[str, ...]) -> None:
        """The whole list, every time. Without names a wildcard that began without names goes on; once there were names, it means none."""
        wanted = frozenset(names)
        if WILDCARD in wanted:
            found.begin_wildcard()
        elif found.wildcard and (wanted or not found.implied):
            found.end_wildcard()
        wanted -= {WILDCARD}
        if new := wanted - found.names:
            found.add(new)
            found.owes_answer = found.owes_answer or found.type_url in WHOLE
        if gone := found.names - wanted:
            found.drop(gone)

    def _encode(self, subscription: Subscription, plan: Plan, version: str) -> Response | None:
        kind = subscription.type_url
        if kind not in WHOLE and not plan.bulk and not plan.rest and not subscription.owes_answer:
            return None
        bulk, rest = self._everything(subscription) if kind in WHOLE else (plan.bulk, plan.rest)
        nonce, entries = self._next_nonce(), self.shared.entries("sotw", bulk, kind, sotw_entries) if bulk else b""
        parts = (entries, sotw_entries(rest, kind), sotw_end(version, kind, nonce))
        return Response(type_url=kind, nonce=nonce, parts=parts, resources=len(bulk) + len(rest), removed=len(plan.removed))

    def _everything(self, subscription: Subscription) -> tuple[tuple[Prepared, ...], tuple[Prepared, ...]]:
        """All that the proxy should go on with: what is current, the last good version of what it refused, and what is held back."""
        current, kept = subscription.current, subscription.holds.kept
        own = tuple(each for each in current.own.values() if subscription.wants(each.name))
        if not kept:
            return self.shared.chosen(current.shared, None if subscription.wildcard else subscription.names), own
        fresh = tuple(each for each in current if subscription.wants(each.name) and each.name not in kept)
        return (), fresh + tuple(each for each in kept.values() if each is not None and each.version)
