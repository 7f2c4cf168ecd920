"""Plain data to typed objects: all mistakes at once, each with its path and what to do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostria.api.check import mend
from ostria.api.decode import Decoded, objects
from ostria.api.documents import read
from ostria.api.encode import content_version, to_json, to_yaml
from ostria.api.kinds import KINDS, named
from ostria.api.meta import Resource
from ostria.api.networking.virtual_service import VirtualService
from ostria.api.problem import Severity, field_path
from ostria.api.scalars import Duration


def decoded(text: str) -> list[Decoded]:
    return [each for document in read(text) for each in objects(document.data)]


def one(text: str) -> Any:
    (each,) = decoded(text)
    assert each.issues == ()
    assert each.resource is not None
    return each.resource


def issues(text: str) -> dict[str, tuple[str, str]]:
    return {field_path(issue.path): (issue.message, issue.hint) for each in decoded(text) for issue in each.issues}


VIRTUAL_SERVICE = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews}\n"


def test_a_good_object_is_typed() -> None:
    service = one(VIRTUAL_SERVICE + "spec: {hosts: [reviews], http: [{timeout: 1.5s, route: [{destination: {host: reviews}}]}]}")
    assert isinstance(service, VirtualService)
    assert service.spec.http[0].timeout == Duration(1_500_000_000)


def test_every_mistake_is_found_at_once() -> None:
    found = issues(
        VIRTUAL_SERVICE
        + """spec:
  host: [reviews]
  http:
  - timeout: 5
    retries: {attempts: three}
    route:
    - destination: {hots: reviews, port: {number: -1}}
      weight: "10"
    fault: {delay: {fixedDelay: 5x}}
    corsPolicy: {unmatchedPreflights: FORWAR}
    match: {uri: {prefix: /}}
"""
    )
    assert found == {
        "spec.host": ("unknown field 'host'", "did you mean hosts?"),
        "spec.http[0].timeout": ("expected a duration, found a number (5)", "give it a unit, such as 5s"),
        "spec.http[0].retries.attempts": ("expected a whole number, found a string ('three')", "write it without quotes"),
        "spec.http[0].route[0].destination.hots": ("unknown field 'hots'", "did you mean host?"),
        "spec.http[0].route[0].destination": ("the field 'host' is missing", "add host: …"),
        "spec.http[0].route[0].destination.port.number": ("-1 is out of range", "write a number between 0 and 4294967295"),
        "spec.http[0].route[0].weight": ("expected a whole number, found a string ('10')", "write it without quotes"),
        "spec.http[0].fault.delay.fixedDelay": ("'5x' is not a duration", "write a number with a unit, such as 5s, 250ms or 1m30s"),
        "spec.http[0].corsPolicy.unmatchedPreflights": ("'FORWAR' is not one of the allowed values", "did you mean FORWARD?"),
        "spec.http[0].match": ("expected a list, found a mapping", "begin each item with a dash: - …"),
    }


def test_a_label_that_yaml_took_for_a_boolean_is_explained() -> None:
    (message, hint) = issues("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {version: on}}")["metadata.labels.version"]
    assert message == "expected a string, found a boolean (true)"
    assert hint.startswith('quote it: "true"')


def test_a_port_that_is_neither_number_nor_name() -> None:
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, targetPort: 99999}]}"
    assert "a number from 1 to 65535 or a string" in issues(text)["spec.ports[0].targetPort"][0]


def test_null_is_absent() -> None:
    namespace = one(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, creationTimestamp: null, labels: {x: null}}\nspec: null\nstatus: null"
    )
    assert namespace.metadata.creation_timestamp is None
    assert namespace.metadata.labels == {"x": ""}


def test_a_null_rule_is_not_an_empty_rule() -> None:
    """`rules: [{}]` allows everything: a dash too many must not."""
    found = issues("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec:\n  rules:\n  -\n")
    assert found["spec.rules[0]"][0] == "expected a mapping, found null"


def test_older_spellings_are_read() -> None:
    service = one(VIRTUAL_SERVICE + "spec: {hosts: [a], http: [{mirror_percent: 5, route: [{destination: {host: a}}]}]}")
    assert service.spec.http[0].mirror_percent == 5


def test_status_is_whatever_it_is() -> None:
    assert one(VIRTUAL_SERVICE + "spec: {}\nstatus: {conditions: [{type: X}]}").status == {"conditions": [{"type": "X"}]}
    pod = one("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\nstatus: {podIP: 10.0.0.1, novelty: [1]}")
    assert pod.status.addresses == ("10.0.0.1",)


def test_a_list_holds_objects() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n- {apiVersion: v1, kind: Namespce}\n"
    good, bad = decoded(text)
    assert good.resource is not None
    assert good.prefix == ("items", 0)
    assert bad.issues[0].path == ("items", 1, "kind")
    assert "did you mean Namespace (v1)?" in bad.issues[0].hint


@pytest.mark.parametrize(
    ("api_version", "kind", "message", "hint"),
    [
        ("networking.istio.io/v2", "VirtualService", "is not served as", "networking.istio.io/v1 or"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", "is not supported", "write an Istio Gateway"),
        ("networking.k8s.io/v1", "NetworkPolicy", "is not supported", "AuthorizationPolicy"),
        ("example.com/v1", "Novelty", "unknown kind Novelty", ""),
    ],
)
def test_kinds_that_are_not_read_are_refused_by_name(api_version: str, kind: str, message: str, hint: str) -> None:
    (each,) = decoded(f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}")
    assert each.resource is None
    assert message in each.issues[0].message
    assert hint in each.issues[0].hint


def test_kinds_without_meaning_are_only_mentioned() -> None:
    (each,) = decoded("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}")
    assert each.issues[0].severity is Severity.WARNING


def test_all_served_versions_are_read() -> None:
    assert {k.name: k.versions for k in KINDS}["VirtualService"] == ("v1", "v1beta1", "v1alpha3")
    for version in ("v1", "v1beta1", "v1alpha3"):
        one(VIRTUAL_SERVICE.replace("/v1", f"/{version}") + "spec: {}")


@pytest.mark.parametrize("word", ["vs", "VirtualService", "virtualservices", "virtualservice.networking.istio.io"])
def test_kinds_have_many_names(word: str) -> None:
    kind = named(word)
    assert kind is not None
    assert kind.name == "VirtualService"


def test_objects_are_written_as_they_are_read() -> None:
    text = VIRTUAL_SERVICE + "spec: {hosts: [a], http: [{timeout: 1500ms, route: [{destination: {host: a}, weight: 100}]}]}"
    service: Resource = one(text)
    assert one(to_yaml(service)) == service
    assert one(to_json(service).decode()) == service
    assert to_yaml(service).startswith("apiVersion: networking.istio.io/v1\nkind: VirtualService\n")
    assert content_version(one(to_yaml(service))) == content_version(service)


def test_what_a_server_keeps_for_itself_is_not_content() -> None:
    text = VIRTUAL_SERVICE + "spec: {hosts: [a]}"
    other = text.replace("{name: reviews}", "{name: reviews, resourceVersion: '7', generation: 3}") + "\nstatus: {a: b}"
    assert content_version(one(text)) == content_version(one(other))
    assert content_version(one(text)) != content_version(one(text.replace("[a]", "[b]")))


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["hosts", "http", "match", "route", "timeout", "destination", "host", "uri", "x"]), inner, max_size=4
        )
    ),
    max_leaves=15,
)


@given(_ANYTHING)
def test_the_slow_way_and_msgspec_agree_about_everything(spec: object) -> None:
    """Whatever stands in a file is either an object or a list of problems, never an exception and never neither."""
    data = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "a"}, "spec": spec}
    (each,) = objects(data)
    _, problems = mend(data, VirtualService)
    assert (each.resource is None) == bool(problems)
    assert bool(each.issues) == (each.resource is None)
    assert not any(issue.path == () for issue in each.issues)
