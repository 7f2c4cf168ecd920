"""What the control plane knows to be wrong, in the shape of `ostria status`."""

import pytest

from ostria.local.operations.problems import flat, place

ORIGIN = {"object": "DestinationRule default/slow", "at": "dr.yaml:3"}


def refusal(proxy, words="bad timeout\n", origins=(ORIGIN,)):
    return {
        "proxy": proxy,
        "type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "resource": "a|b",
        "origins": origins,
        "error": words,
    }


def test_a_lost_reference_is_a_warning_at_its_rule():
    lost = {
        "object": "VirtualService default/v",
        "rule": 1,
        "at": "v.yaml:8",
        "kind": "host",
        "name": "x",
        "message": "no x",
        "hint": "make x",
    }
    (problem,) = flat({"dangling": [lost]})
    assert problem == {
        "path": "v.yaml",
        "line": 8,
        "column": 0,
        "severity": "warning",
        "object": "VirtualService default/v",
        "field": "spec.http[1]",
        "message": "no x",
        "hint": "make x",
    }


def test_what_many_proxies_refuse_is_one_problem_that_names_the_object():
    service = {"object": "Service default/web", "at": "web.yaml:1"}
    words = ("bad timeout", "goo.gle/debugstr  bad timeout\n", "goo.gle/debugproto bad   timeout", "bad timeout")
    (problem,) = flat({"refused": [refusal(name, said, (service, ORIGIN)) for name, said in zip("pqrs", words, strict=True)]})
    assert (problem["path"], problem["line"], problem["severity"]) == ("dr.yaml", 3, "error")
    assert problem["object"] == "Service default/web, DestinationRule default/slow"
    assert problem["message"] == "Envoy refuses Cluster a|b: bad timeout (at p, q, r and others)"
    assert len(flat({"refused": [refusal("p"), refusal("p", "other words")]})) == 2


def test_what_could_not_be_built_is_an_error():
    (problem,) = flat({"builds": [{"message": "no such thing", "origins": [{"object": "Gateway default/g", "at": ""}]}]})
    assert (problem["path"], problem["object"], problem["message"]) == ("", "Gateway default/g", "not built: no such thing")


@pytest.mark.parametrize(
    ("text", "found"),
    [("a.yaml:3", ("a.yaml", 3, 0)), ("/x:1/a.yaml:3:4", ("/x:1/a.yaml", 3, 4)), ("a.yaml", ("a.yaml", 0, 0)), ("", ("", 0, 0))],
)
def test_places(text, found):
    assert place(text) == found
