"""One file's text to objects and problems."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostria.api.meta import ObjectKey
from ostria.api.problem import Severity
from ostria.config.loading import load, load_bytes

SHARED = Path(__file__).parents[4] / "shared"
NOT_READ = {
    "bookinfo/gateway-api/bookinfo-gateway.yaml": "the Gateway API",
    "bookinfo/gateway-api/route-all-v1.yaml": "the Gateway API",
    "bookinfo/gateway-api/route-reviews-50-v3.yaml": "the Gateway API",
    "bookinfo/gateway-api/route-reviews-90-10.yaml": "the Gateway API",
    "bookinfo/gateway-api/route-reviews-v1.yaml": "the Gateway API",
    "bookinfo/gateway-api/route-reviews-v3.yaml": "the Gateway API",
    "bookinfo/kube/bookinfo-ingress.yaml": "has an Ingress",
    "walkthrough/envoy-demo.yaml": "Envoy's own configuration",
    "walkthrough/envoy-override.yaml": "Envoy's own configuration",
}


def files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: this test proves nothing")
    return sorted(folder.rglob("*.yaml"))


def test_every_sample_is_read_without_errors() -> None:
    errors = {}
    for path in files(SHARED / "samples"):
        found = [p for p in load(str(path), path.read_text()).problems if p.severity is Severity.ERROR]
        if found:
            errors[str(path.relative_to(SHARED / "samples"))] = found
    assert sorted(errors) == sorted(NOT_READ), "\n".join(str(p) for each in errors.values() for p in each)


def test_every_conformance_input_is_readable() -> None:
    """Many are wrong on purpose; each problem has its place, and no file is lost as a whole."""
    for path in files(SHARED / "conformance" / "analyze"):
        loaded = load(str(path), path.read_text())
        assert loaded.items
        assert all(p.line >= 1 and p.column >= 1 and "malformed" not in p.message for p in loaded.problems)


TWO = """\
# all of it
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - timeout: 5x
    route: []
---
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {ports: [{port: 80}]}
"""


def test_a_problem_names_file_line_column_object_field_and_remedy() -> None:
    loaded = load("mesh.yaml", TWO)
    (problem,) = loaded.problems
    assert str(problem) == (
        "mesh.yaml:9:5: error: VirtualService default/reviews: spec.http[0].timeout: '5x' is not a duration\n"
        "  hint: write a number with a unit, such as 5s, 250ms or 1m30s"
    )


def test_the_neighbours_of_a_bad_object_live() -> None:
    bad, good = load("mesh.yaml", TWO).items
    assert bad.stored is None
    assert bad.key == ObjectKey("VirtualService", "default", "reviews")
    assert good.stored is not None
    assert str(good.origin) == "mesh.yaml:12:1"


def test_only_the_documents_that_changed_are_read_again() -> None:
    first = load("mesh.yaml", TWO)
    second = load("mesh.yaml", TWO.replace("5x", "5s").replace("route: []", "redirect: {uri: /}"), known=first.known)
    assert second.problems == ()
    assert second.items[1].stored is not None
    assert first.items[1].stored is not None
    assert second.items[1].stored.object is first.items[1].stored.object
    assert second.items[0].stored is not None


def test_objects_go_into_the_namespace_that_is_asked_for() -> None:
    (item,) = load("a.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}", namespace="shop").items
    assert item.key == ObjectKey("ServiceAccount", "shop", "a")
    (item,) = load("a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}", namespace="shop").items
    assert item.key == ObjectKey("Namespace", "", "a")


def test_duplicate_keys_refuse_the_object_and_say_where() -> None:
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports: [{port: 80}]\n  ports: [{port: 81}]\n"
    (item,) = load("a.yaml", text).items
    assert item.stored is None
    assert str(item.problems[0]).startswith("a.yaml:6:3: error: Service default/a: spec.ports: the key 'ports' is there twice")


def test_a_document_that_is_not_yaml_is_guessed_from_its_layout() -> None:
    (item,) = load("a.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec: [}\n").items
    assert item.key == ObjectKey("Service", "default", "a")
    assert item.problems[0].line == 5


def test_a_gateway_of_the_gateway_api_does_not_pass_for_istios() -> None:
    (item,) = load("a.yaml", "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {}").items
    assert item.key is None
    assert not item.unknown


def test_refused_fields_refuse_the_object() -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostNetwork: true\n  containers: [{name: a, image: a}]\n"
    (problem,) = load("a.yaml", text).problems
    assert (problem.line, problem.field) == (5, "spec.hostNetwork")
    assert problem.severity is Severity.ERROR


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "apiVersion: v1",
                "kind: Service",
                "metadata:",
                "  name: a",
                "  labels: {a: on}",
                "spec:",
                "  ports:",
                "  - port: 80",
                "---",
                "  - {",
                "\t",
                "x: *y",
            ]
        ),
        max_size=12,
    )
)
def test_every_problem_has_a_line_in_the_file(lines: list[str]) -> None:
    text = "\n".join(lines)
    for problem in load("a.yaml", text).problems:
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1
        assert problem.message


@given(st.binary(max_size=200))
def test_no_bytes_make_the_loader_fail(data: bytes) -> None:
    assert all(problem.line >= 1 for problem in load_bytes("a.yaml", data).problems)


@pytest.mark.parametrize("metadata", ["metadata:\n  name: reviews\n  namespace: shop\n", 'metadata: {namespace: shop, name: "reviews"}\n'])
def test_what_is_no_yaml_is_still_known_by_its_name(metadata: str) -> None:
    (item,) = load("a.yaml", f"apiVersion: networking.istio.io/v1\nkind: VirtualService\n{metadata}spec:\n  hosts: [[reviews]\n").items
    assert item.key == ObjectKey("VirtualService", "shop", "reviews")
    assert item.stored is None
    assert not item.unknown
