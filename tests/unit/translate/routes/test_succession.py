"""A VirtualService in its predecessor's place: planned at the price of what is new, and just as if it were planned anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.snapshot.yamls import destination_rule, gateway, sidecar, virtual_service
from tests.unit.world import Village, pod, router, service, view_of

from ostria.snapshot.view import Generator, View
from ostria.translate.routes import Planner, plan, succession

_INGRESS = {"istio": "ingressgateway"}
_TOWN = (
    service("web", ("http", 80), ("http-b", 81))
    + service("reviews", ("http", 80), ("http-b", 81))
    + pod("web-1", "10.0.0.1")
    + pod("gw-1", "10.0.0.9", "istio-system", labels=_INGRESS)
    + gateway("g", "selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]")
)


def _routes(text: str, name: str = "v", hosts: str = "reviews, a.com", created: str = "2024-01-02T00:00:00Z") -> str:
    return virtual_service(name, f"hosts: [{hosts}], gateways: [mesh, istio-system/g], http: [{text}]", created=created)


_TO = "route: [{destination: {host: reviews}}]"
_STEADY = _routes(f"{{{_TO}}}", "steady", "web", created="2024-01-01T00:00:00Z")


def _views(village: Village) -> list[View]:
    return [
        village.view("web-1", http_proxy_port=15002),
        village.view("web-1", generator=Generator.GRPC),
        view_of(village.snapshot, router("gw-1")),
    ]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[View]:
    """The views that were planned anew."""
    anew, keys = list[View](), plan.keys

    def noted(view: View) -> tuple[object, ...]:
        anew.append(view)
        return keys(view)

    monkeypatch.setattr(succession.plan, "keys", noted)
    return anew


def test_what_its_routes_do_is_put_in_its_place(planned: list[View]) -> None:
    village = Village(_TOWN + _STEADY + _routes(f"{{{_TO}}}"))
    planners = [Planner() for _ in _views(village)]
    before = [planner.keys(view) for planner, view in zip(planners, _views(village), strict=True)]
    planned.clear()
    village.put(_routes(f"{{timeout: 1s, {_TO}}}, {{{_TO}, match: [{{uri: {{exact: /x}}}}]}}"))
    after = [planner.keys(view) for planner, view in zip(planners, _views(village), strict=True)]
    assert planned == []
    assert after == [plan.keys(view) for view in _views(village)]
    for old, new in zip(before, after, strict=True):
        hosts = [[host for key in keys for host in key.hosts] for keys in (old, new)]
        changed = {b.name.partition(":")[0].partition(".")[0] for a, b in zip(*hosts, strict=True) if a is not b}
        assert changed in ({"reviews"}, {"reviews", "a"})


@pytest.mark.parametrize(
    "change",
    [
        _routes(f"{{{_TO}}}", hosts="reviews, b.com"),
        _routes(f"{{{_TO}, match: [{{port: 81}}]}}"),
        _routes(f"{{{_TO}, match: [{{gateways: [istio-system/g]}}]}}"),
        _routes(f"{{{_TO}}}", created="2023-01-01T00:00:00Z"),
        _routes(f"{{{_TO}}}", "another", "web, c.com"),
        service("ratings", ("http", 80)),
        sidecar("egress: [{hosts: [./*]}]"),
        destination_rule("d", "host: reviews, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x}}}"),
    ],
)
def test_whatever_may_move_a_host_is_planned_anew(change: str, planned: list[View]) -> None:
    village = Village(_TOWN + _STEADY + _routes(f"{{{_TO}}}"))
    planner = Planner()
    planner.keys(village.view("web-1"))
    village.put(change)
    assert planner.keys(view := village.view("web-1")) == plan.keys(view)
    assert len(planned) == 3


_MATCHES = st.sampled_from(("", "match: [{port: 81}], ", "match: [{gateways: [mesh]}], ", "match: [{uri: {exact: /x}}, {port: 80}], "))
_WHAT = st.sampled_from(("", "timeout: 1s, ", "retries: {attempts: 2}, "))
_HTTP = st.lists(st.tuples(_MATCHES, _WHAT), min_size=1, max_size=2).map(lambda rules: ", ".join(f"{{{m}{w}{_TO}}}" for m, w in rules))
_ONE = st.builds(_routes, _HTTP, st.sampled_from(("v", "w")), st.sampled_from(("reviews, a.com", "web", "'*.com'")))


@given(st.lists(_ONE, min_size=1, max_size=6))
def test_one_after_the_other_they_come_to_what_each_comes_to_alone(changes: list[str]) -> None:
    village = Village(_TOWN + _STEADY)
    planners = [Planner() for _ in _views(village)]
    for change in changes:
        village.put(change)
        for planner, view in zip(planners, _views(village), strict=True):
            assert planner.keys(view) == plan.keys(view)
