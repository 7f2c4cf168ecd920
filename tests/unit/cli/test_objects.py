"""`apply`, `delete`, `get` and `label`: what is asked of the mesh, and what is said of its answers."""

import io
import json
from datetime import UTC, datetime

import pytest
import yaml

from ostria.cli.get import age
from ostria.cli.label import parse
from ostria.local.control.server import Refused

REVIEWS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews}}]
"""
RATINGS = REVIEWS.replace("reviews", "ratings")
MISSPELT = REVIEWS.replace("http:", "htttp:")


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return str(tmp_path)

    return write


class TestApply:
    def test_objects_of_files_and_folders_are_sent_in_order(self, ostria, mesh, folder):
        mesh.answers["apply"] = [
            {"object": "virtualservice/ratings", "result": "created"},
            {"object": "virtualservice/reviews", "result": "unchanged"},
        ]
        said = ostria("apply", "-f", folder(b=REVIEWS, a=RATINGS))
        assert said.status == 0, said.err
        assert said.out == "virtualservice/ratings created\nvirtualservice/reviews unchanged\n"
        (asked,) = mesh.asked
        assert [item["metadata"]["name"] for item in asked["objects"]] == ["ratings", "reviews"]

    def test_what_is_sent_is_the_object_as_it_was_written(self, ostria, mesh, folder):
        ostria("apply", "-f", folder(a=REVIEWS), "-n", "shop")
        (sent,) = mesh.asked[0]["objects"]
        assert sent["metadata"]["namespace"] == "shop"
        assert sent["kind"] == "VirtualService"
        assert sent["spec"] == yaml.safe_load(REVIEWS)["spec"]

    def test_a_dash_is_standard_input(self, ostria, mesh, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(REVIEWS.encode())))
        assert ostria("apply", "-f", "-").status == 0
        assert mesh.asked[0]["objects"][0]["metadata"]["name"] == "reviews"

    def test_one_bad_object_stops_all_of_them_and_says_where_it_is(self, ostria, mesh, folder):
        where = folder(a=RATINGS, b=MISSPELT)
        said = ostria("apply", "-f", where)
        assert said.status == 1
        assert f"{where}/b.yaml:7:3: error: " in said.err
        assert "did you mean http?" in said.err
        assert "nothing was changed" in said.err
        assert mesh.asked == []

    def test_every_problem_of_every_file_is_said(self, ostria, mesh, folder):
        said = ostria("apply", "-f", folder(a=MISSPELT, b="kind: [", c=REVIEWS.replace("VirtualService", "VirtualServise")))
        assert [name in said.err for name in ("a.yaml:7", "b.yaml:", "c.yaml:")] == [True] * 3

    @pytest.mark.parametrize("text", ["", "# nothing\n"])
    def test_files_without_objects_are_not_success(self, ostria, mesh, folder, text):
        assert ostria("apply", "-f", folder(a=text)).status == 1

    def test_a_file_that_is_not_there_is_said(self, ostria, mesh):
        said = ostria("apply", "-f", "/none/none.yaml")
        assert said.status == 1
        assert "/none/none.yaml: No such file or directory" in said.err

    def test_hidden_files_and_other_suffixes_are_left_alone(self, ostria, mesh, folder, tmp_path):
        (tmp_path / ".a.yaml").write_text("kind: [")
        (tmp_path / "notes.txt").write_text("kind: [")
        ostria("apply", "-f", folder(b=REVIEWS))
        assert len(mesh.asked[0]["objects"]) == 1

    def test_what_the_mesh_refuses_is_said_with_its_hint(self, ostria, mesh, folder):
        mesh.refusal = Refused("reviews is owned by shop/reviews.yaml", "edit that file")
        said = ostria("apply", "-f", folder(a=REVIEWS))
        assert said.status == 1
        assert "error: reviews is owned by shop/reviews.yaml\nhint: edit that file" in said.err


class TestDelete:
    def test_objects_of_files_are_named_by_their_keys(self, ostria, mesh, folder):
        ostria("delete", "-f", folder(a=REVIEWS))
        assert mesh.asked[0]["keys"] == [{"kind": "VirtualService", "namespace": "default", "name": "reviews"}]

    def test_or_one_by_one_with_kinds_as_people_write_them(self, ostria, mesh):
        ostria("delete", "vs", "reviews", "ratings", "-n", "shop")
        assert mesh.asked[0]["keys"] == [
            {"kind": "VirtualService", "namespace": "shop", "name": "reviews"},
            {"kind": "VirtualService", "namespace": "shop", "name": "ratings"},
        ]

    def test_kinds_without_namespaces_have_none(self, ostria, mesh):
        ostria("delete", "ns", "shop")
        assert mesh.asked[0]["keys"] == [{"kind": "Namespace", "namespace": "", "name": "shop"}]

    def test_what_was_not_there_is_status_1(self, ostria, mesh):
        mesh.answers["delete"] = [{"object": "virtualservice/reviews", "result": "not found"}]
        said = ostria("delete", "vs", "reviews")
        assert (said.status, said.out) == (1, "virtualservice/reviews not found\n")


class TestGet:
    ITEM = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "default", "creationTimestamp": "2020-01-01T00:00:00Z"},
        "spec": {"hosts": ["reviews"]},
    }

    @pytest.fixture(autouse=True)
    def one_object(self, mesh):
        mesh.answers["objects"] = [{"object": self.ITEM, "origin": "shop/reviews.yaml:3"}]

    def test_a_kind_is_a_table(self, ostria, mesh):
        said = ostria("get", "virtualservices")
        assert said.lines[0] == ["KIND", "NAME", "AGE"]
        assert said.lines[1][:2] == ["VirtualService", "reviews"]
        assert said.lines[1][2].endswith("d")
        assert (mesh.asked[0]["kind"], mesh.asked[0]["namespace"], mesh.asked[0]["name"]) == ("VirtualService", "default", "")

    def test_wide_tells_where_each_came_from(self, ostria):
        assert ostria("get", "vs", "-o", "wide").lines[1][-1] == "shop/reviews.yaml:3"

    def test_all_namespaces_have_a_column(self, ostria, mesh):
        assert ostria("get", "vs", "-A").lines[0][0] == "NAMESPACE"
        assert mesh.asked[0]["namespace"] == ""

    def test_all_is_every_kind(self, ostria, mesh):
        assert ostria("get", "all").status == 0
        assert mesh.asked[0]["kind"] == ""

    def test_one_object_as_yaml_is_the_object(self, ostria):
        assert yaml.safe_load(ostria("get", "vs", "reviews", "-o", "yaml").out) == self.ITEM

    def test_several_as_json_are_a_list(self, ostria):
        assert json.loads(ostria("get", "vs", "-o", "json").out) == {"apiVersion": "v1", "kind": "List", "items": [self.ITEM]}

    def test_names_can_be_handed_to_another_command(self, ostria):
        assert ostria("get", "vs", "-o", "name").out == "virtualservice/reviews\n"

    def test_an_object_that_is_not_there_is_status_1_with_a_hint(self, ostria, mesh):
        mesh.answers["objects"] = []
        said = ostria("get", "vs", "reviews")
        assert (said.status, said.out) == (1, "")
        assert "hint: " in said.err

    @pytest.mark.parametrize(
        ("created", "expected"),
        [
            ("2026-01-10T00:00:00Z", "0s"),
            ("2026-01-09T23:59:20Z", "40s"),
            ("2026-01-09T23:48:00Z", "12m"),
            ("2026-01-09T21:00:00Z", "3h"),
            ("2026-01-05T00:00:00Z", "5d"),
            ("2027-01-01T00:00:00Z", "0s"),
            (None, "<unknown>"),
        ],
    )
    def test_ages_are_written_as_kubectl_does(self, created, expected):
        assert age(created, datetime(2026, 1, 10, tzinfo=UTC)) == expected


class TestLabel:
    def test_labels_are_set_and_removed(self):
        assert parse(["istio-injection=enabled", "version-", "empty=", "a=b=c", "x=y-"]) == {
            "istio-injection": "enabled",
            "version": None,
            "empty": "",
            "a": "b=c",
            "x": "y-",
        }

    def test_a_namespace_is_labelled_without_a_namespace(self, ostria, mesh):
        mesh.answers["label"] = [{"object": "namespace/shop", "result": "labeled"}]
        said = ostria("label", "ns", "shop", "istio-injection=enabled", "--overwrite")
        assert said.out == "namespace/shop labeled\n"
        assert mesh.asked == [
            {
                "op": "label",
                "key": {"kind": "Namespace", "namespace": "", "name": "shop"},
                "labels": {"istio-injection": "enabled"},
                "overwrite": True,
            }
        ]
