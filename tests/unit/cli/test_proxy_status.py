"""`proxy-status`: does every proxy hold what was sent to it, and if not, whose fault it is."""

import json

from ostria.cli.proxy_status import HEADER, row


def status(name, **fields):
    kinds = ("cluster", "listener", "endpoint", "route")
    synced = {f"{kind}_{what}": "n1" for kind in kinds for what in ("sent", "acked")}
    return {"proxy": name, "cluster_id": "Kubernetes", "istio_version": "1.30.0", **synced, **fields}


def test_columns_are_istioctls():
    assert HEADER == ("NAME", "CLUSTER", "CDS", "LDS", "EDS", "RDS", "ECDS", "ISTIOD", "VERSION")


def test_what_was_sent_and_acknowledged_is_synced_and_what_was_never_asked_for_not_sent():
    found = row(status("reviews.default"))
    assert [found[kind] for kind in ("cds", "lds", "eds", "rds", "ecds")] == ["SYNCED"] * 4 + ["NOT SENT"]


def test_what_waits_for_an_answer_is_stale():
    assert row(status("reviews.default", route_acked="n0"))["rds"] == "STALE"


def refused(resource, message, *origins, kind="lds"):
    return {"type": kind, "resource": resource, "message": message, "origins": list(origins)}


class TestRefusals:
    def test_are_shown_with_envoys_words_and_the_object_that_caused_them(self):
        found = row(status("reviews.default", rejected=[refused("0.0.0.0_80", "no such filter", "EnvoyFilter default/f (f.yaml:3)")]))
        assert (found["lds"], found["cds"]) == ("REJECTED", "SYNCED")
        assert found["rejected"] == ["LDS rejected: 0.0.0.0_80: no such filter (from EnvoyFilter default/f (f.yaml:3))"]

    def test_of_several_resources_each_has_its_own_reason(self):
        said = "Error adding/updating listener(s) virtualInbound: no such filter\n0.0.0.0_80: no such codec\n"
        found = row(status("reviews.default", rejected=[refused("virtualInbound", said, "a"), refused("0.0.0.0_80", said, "b")]))
        assert found["rejected"] == [
            "LDS rejected: virtualInbound: no such filter (from a)",
            "LDS rejected: 0.0.0.0_80: no such codec (from b)",
        ]

    def test_of_virtual_hosts_that_come_one_by_one_are_refused_routes(self):
        found = row(status("reviews.default", rejected=[refused("9080/reviews", "no such domain", "a", kind="vhds")]))
        assert found["rds"] == "REJECTED"
        assert found["rejected"] == ["VHDS rejected: 9080/reviews: no such domain (from a)"]

    def test_for_one_reason_are_one_line(self):
        said = "Error adding/updating listener(s) one: can't open\ntwo: can't open\n"
        found = row(status("reviews.default", rejected=[refused("one", said, "a"), refused("two", said, "a", "b")]))
        assert found["rejected"] == ["LDS rejected: one, two: can't open (from a, b)"]


class TestTheCommand:
    def answer(self, mesh, *statuses):
        mesh.pages["/debug/syncz"] = json.dumps(statuses)

    def test_proxies_are_listed_by_name(self, ostria, mesh):
        self.answer(mesh, status("b.default"), status("a.default"))
        said = ostria("proxy-status")
        assert said.status == 0
        assert said.lines[0] == list(HEADER)
        assert [line[0] for line in said.lines[1:]] == ["a.default", "b.default"]
        assert (mesh.asked[0]["workload"], mesh.asked[0]["port"]) == ("istiod.istio-system", 8080)

    def test_a_workload_is_every_replica_of_it(self, ostria, mesh):
        self.answer(mesh, status("web-1.default"), status("web-2.default"), status("webshop-1.default"))
        assert len(json.loads(ostria("proxy-status", "deploy/web", "-o", "json").out)) == 2

    def test_a_workload_without_a_proxy_is_status_1(self, ostria, mesh):
        self.answer(mesh, status("web-1.default"))
        assert ostria("proxy-status", "other").status == 1

    def test_a_refusal_is_status_1_and_said(self, ostria, mesh):
        self.answer(mesh, status("web-1.default", rejected=[refused("web", "bad", kind="cds")]))
        said = ostria("proxy-status")
        assert said.status == 1
        assert "web-1.default: CDS rejected: web: bad" in said.err

    def test_a_control_plane_that_does_not_answer_is_said(self, ostria, mesh):
        assert "404" in ostria("proxy-status").err
