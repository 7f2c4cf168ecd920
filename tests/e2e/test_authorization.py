"""The reference walkthrough, step L: nothing is allowed, then one service after the other, by who calls it."""

import pytest
from tests.e2e.mesh import SAMPLES, eventually

BOOKINFO = SAMPLES / "bookinfo"
WALKTHROUGH = SAMPLES / "walkthrough"

pytestmark = [
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="Istio's samples are not beside this checkout (../shared/samples)"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def mesh(start):
    return start([BOOKINFO / "kube/bookinfo.yaml", BOOKINFO / "networking/bookinfo-gateway.yaml", SAMPLES / "curl/curl.yaml"])


STEPS = [
    ("21-allow-nothing.yaml", ["RBAC: access denied"]),
    ("22-productpage-viewer.yaml", ["Error fetching product details", "Error fetching product reviews"]),
    ("23-details-viewer.yaml", ["PublisherA", "Error fetching product reviews"]),
    ("24-reviews-viewer.yaml", ["PublisherA", "Ratings service is currently unavailable"]),
    ("25-ratings-viewer.yaml", ["PublisherA", "glyphicon-star"]),
]


@pytest.mark.parametrize(("file", "shown"), STEPS, ids=[file for file, _ in STEPS])
def test_a_page_appears_piece_by_piece(mesh, file, shown):
    """Connections that were open before a policy changed are drained, one answer each, as under Istio: the page settles within a few requests."""
    mesh.apply(WALKTHROUGH / file)
    mesh.settled()
    eventually(lambda: all(part in mesh.get("/productpage").text for part in shown), what=f"{shown} on the page")


def test_a_caller_that_no_rule_names_is_refused_and_the_log_names_no_policy_of_its_own(mesh):
    assert mesh.status_code("curl", "http://ratings:9080/ratings/0") == "403"
    eventually(
        lambda: "rbac_access_denied_matched_policy[none]" in mesh.run("logs", "ratings", "-c", "proxy").stdout, what="the denial in the log"
    )


def test_a_method_that_no_rule_names_is_refused(mesh):
    assert mesh.status_code("curl", "http://productpage:9080/login", "-X", "POST") == "403"
    assert mesh.status_code("curl", "http://productpage:9080/health") == "200"
