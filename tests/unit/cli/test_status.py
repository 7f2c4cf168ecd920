"""`ostria status` and the end of `ostria up`: what a person reads, and the exit status that a script reads."""

import json

FIELD = {"object": "Pod default/a", "path": "a.yaml", "line": 3, "field": "spec.tolerations", "reason": "no scheduler"}


def test_verbose_lists_fields_without_meaning_with_their_place(ostria, mesh):
    mesh.answers["status"] = [{"workloads": [], "problems": [], "meaningless": [FIELD]}]
    said = ostria("status", "-v")
    assert said.status == 0, said.err
    assert mesh.asked[-1]["verbose"]
    assert said.lines[-1] == ["Pod default/a", "spec.tolerations", "no scheduler", "a.yaml:3"]
    assert json.loads(ostria("status", "-v", "-o", "json").out)["meaningless"] == [FIELD]


def test_without_verbose_they_are_not_asked_for(ostria, mesh):
    mesh.answers["status"] = [{"workloads": [], "problems": []}]
    assert ostria("status").status == 0
    assert not mesh.asked[-1]["verbose"]
