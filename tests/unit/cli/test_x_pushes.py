"""`x pushes`: who caused a push, and what it cost."""

import json

from ostria.cli.x.pushes import HEADER, cause, size


def push(**fields):
    made = {
        "version": "7",
        "time": "2026-11-22T10:00:00.123Z",
        "causes": [{"object": "VirtualService default/reviews", "kind": "VirtualService", "event": "changed", "at": "mesh.yaml:12"}],
        "changes": 1,
        "proxies": 6,
        "sent": {"rds": {"responses": 6, "resources": 6, "removed": 0, "bytes": 12_345}},
        "built": {"rds": 1},
        "refused": 0,
        "unanswered": 0,
        "snapshot_ms": 1.4,
        "translate_ms": 2.2,
        "acknowledged_ms": 21.4,
    }
    return made | fields


def test_a_push_is_one_line_from_cause_to_last_acknowledgement(ostria, mesh):
    mesh.pages["/debug/pushes"] = json.dumps([push()])
    said = ostria("x", "pushes")
    assert said.status == 0
    assert said.lines[0] == list(HEADER)
    assert said.lines[1][1:] == [
        "VirtualService default/reviews changed (mesh.yaml:12)",
        "6",
        "rds",
        "6",
        "12.3 KB",
        "1 rds",
        "4 ms",
        "21 ms",
    ]


def test_the_newest_push_is_the_last_line(ostria, mesh):
    mesh.pages["/debug/pushes"] = json.dumps([push(proxies=3), push(proxies=2), push(proxies=1)])
    assert [line[2] for line in ostria("x", "pushes", "--last", "2").lines[1:]] == ["2", "3"]


def test_json_is_what_the_control_plane_says(ostria, mesh):
    mesh.pages["/debug/pushes"] = json.dumps([push()])
    assert json.loads(ostria("x", "pushes", "-o", "json").out) == [push()]


def test_a_push_that_reached_nobody_shows_dashes(ostria, mesh):
    mesh.pages["/debug/pushes"] = json.dumps([push(proxies=0, sent={}, built={}, acknowledged_ms=None)])
    assert ostria("x", "pushes").lines[1][2:] == ["0", "-", "-", "-", "-", "4 ms", "-"]


def test_proxies_that_refuse_or_do_not_answer_are_counted(ostria, mesh):
    mesh.pages["/debug/pushes"] = json.dumps([push(refused=1, unanswered=2)])
    assert ostria("x", "pushes").lines[1][-1] == "21 ms, 2 unanswered, 1 refused"


def test_many_causes_are_one_and_a_number():
    assert cause(push(changes=200)).endswith("(mesh.yaml:12) and 199 more")
    assert cause(push(causes=[], changes=0)) == "the control plane started"


def test_sizes_are_short():
    assert [size(count) for count in (0, 999, 12_345, 625_000_000)] == ["0 B", "999 B", "12.3 KB", "625 MB"]


def test_wrong_usage_is_status_2(ostria):
    assert ostria("x", "pushes", "--last", "0").status == 2
    assert ostria("x", "pushes", "-o", "picture").status == 2
