"""The reference walkthrough, step F, on a machine that allows neither root nor namespaces: apps reach the mesh through `http_proxy`."""

import pytest
from tests.e2e.mesh import SAMPLES, eventually, stars

BOOKINFO = SAMPLES / "bookinfo"

pytestmark = [
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="Istio's samples are not beside this checkout (../shared/samples)"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def mesh(start):
    files = [BOOKINFO / "kube/bookinfo.yaml", BOOKINFO / "networking/bookinfo-gateway.yaml"]
    return start(files, rootless=True, flags=("--no-capture",))


def test_the_page_is_served_with_all_versions_of_reviews(mesh):
    assert {stars(mesh.get("/productpage").text) for _ in range(30)} == {"none", "black", "red"}


def test_what_is_lost_is_said(mesh):
    assert "clients reach the mesh by http_proxy; HTTP only, and inbound policy can be bypassed" in mesh.said


def test_routing_rules_hold(mesh):
    mesh.apply(BOOKINFO / "networking/destination-rule-all.yaml", BOOKINFO / "networking/virtual-service-all-v1.yaml")
    mesh.settled()
    eventually(lambda: {stars(mesh.get("/productpage").text) for _ in range(20)} == {"none"}, what="only v1")
