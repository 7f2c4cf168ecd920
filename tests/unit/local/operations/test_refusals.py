"""A mesh is not healthy when an Envoy refused what it should run."""

from ostria.local.operations.refusals import refusals

ORIGINS = ({"object": "Service default/web", "at": ""}, {"object": "EnvoyFilter default/odd", "at": "odd.yaml:3"})


def refusal(proxy, resource="0.0.0.0_80"):
    kind = "type.googleapis.com/envoy.config.listener.v3.Listener"
    return {"proxy": proxy, "type": kind, "resource": resource, "origins": ORIGINS, "error": "no such filter"}


def test_each_proxy_with_what_it_refuses_and_where_that_is_written():
    found = refusals({"refused": [refusal("a.default"), refusal("b.default"), refusal("b.default", "virtualInbound")]})
    assert found["a.default"] == "its Envoy refuses Listener 0.0.0.0_80 (odd.yaml:3)"
    assert found["b.default"] == "its Envoy refuses Listener 0.0.0.0_80 (odd.yaml:3), Listener virtualInbound (odd.yaml:3)"


def test_nobody_refuses_anything():
    assert refusals({}) == refusals({"refused": []}) == {}
