"""`ostria status` and the end of `ostria up`: what a person reads, and the exit status that a script reads."""

import json

from ostria.cli import summary

FIELD = {"object": "Pod default/a", "path": "a.yaml", "line": 3, "field": "spec.tolerations", "reason": "no scheduler"}
WORKLOAD = {
    "name": "web-1",
    "namespace": "default",
    "workload": "web",
    "ready": True,
    "phase": "Running",
    "restarts": 0,
    "injected": True,
    "injection": "",
    "router": False,
    "addresses": ["10.244.0.5"],
    "trouble": "",
    "pids": {},
}
UP = {"mesh": "default", "mode": "root", "gateway_port": 0, "watched": []}


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


def test_a_workload_whose_envoy_refuses_a_listener_is_not_ready(ostria, mesh, tmp_path):
    refused = "its Envoy refuses Listener 0.0.0.0_80 (odd.yaml:3)"
    problem = {
        "path": "odd.yaml",
        "line": 3,
        "severity": "error",
        "object": "EnvoyFilter default/odd",
        "field": "",
        "message": "Envoy refuses Listener 0.0.0.0_80: no such filter (at web-1.default)",
        "hint": "",
    }
    state = {"workloads": [{**WORKLOAD, "ready": False, "trouble": refused}], "problems": [problem]}
    mesh.answers["status"] = [state]
    said = ostria("status")
    assert said.status == 1
    assert f"web-1 (default): {refused}" in said.err
    told = summary.of({**UP, **state}, tmp_path)
    assert told.startswith("mesh default is up, but not all of it")
    assert "error         odd.yaml:3: EnvoyFilter default/odd: Envoy refuses Listener 0.0.0.0_80: no such filter (at web-1.default)" in told
