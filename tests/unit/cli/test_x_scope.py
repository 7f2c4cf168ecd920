"""`x scope`: what was used, and the Sidecar that it amounts to."""

import json

import pytest
import yaml

from ostria.cli.x.scope import HEADER, ROUTES
from ostria.cli.x.usage import Usage

SUFFIX = "default.svc.cluster.local"
CLUSTERS = "/clusters?format=json"


def cluster(name, *counts):
    """One endpoint for each (requests, connections)."""
    hosts = [
        {"stats": [{"name": "rq_total", "value": str(r)}, {"name": "cx_total", "value": str(c)}, {"name": "rq_error"}]} for r, c in counts
    ]
    return {"name": name, "host_statuses": hosts}


def outbound(service, *counts, port=9080, subset=""):
    return cluster(f"outbound|{port}|{subset}|{service}.{SUFFIX}", *counts)


def clusters(*found):
    return {"cluster_statuses": list(found)}


def virtual_host(name, *targets, prefix="9080/"):
    return {"name": f"{prefix}{name}", "domains": [name], "routes": [{"route": {"cluster": target}} for target in targets]}


def routes(*hosts, name="9080"):
    return {"configs": [{"route_config": {"name": name, "virtual_hosts": list(hosts)}}]}


def client(name, namespace="default", kind="sidecar", **labels):
    return {"connectionId": f"{kind}~10.0.0.1~{name}.{namespace}~{namespace}.svc.cluster.local-1a2b", "labels": labels}


@pytest.fixture
def town(mesh):
    """Two replicas of productpage that call reviews, one ratings that calls nobody; the same Envoy answers for all."""
    hashed = {"pod-template-hash": "x", "security.istio.io/tlsMode": "istio"}
    mesh.pages["/debug/adsz"] = json.dumps(
        {
            "clients": [
                client("productpage-v1-x-1", app="productpage", version="v1", **hashed),
                client("productpage-v1-x-2", app="productpage", version="v1", **hashed),
                client("ratings-v1-x-1", app="ratings"),
                client("istio-ingressgateway-x-1", "istio-system", "router"),
            ]
        }
    )
    mesh.pages[CLUSTERS] = json.dumps(
        clusters(
            outbound("reviews", (3, 1), (0, 0), subset="v1"),
            outbound("reviews", (0, 0)),
            outbound("details", (0, 0)),
            outbound("mysql", (0, 2), port=3306),
            cluster("inbound|9080||", (9, 9)),
            cluster("xds-grpc", (1, 1)),
        )
    )
    mesh.pages[ROUTES] = json.dumps(
        routes(
            virtual_host(f"reviews.{SUFFIX}:9080", f"outbound|9080|v1|reviews.{SUFFIX}"),
            virtual_host("shop.example.com:9080", f"outbound|9080|v1|reviews.{SUFFIX}"),
            virtual_host(f"details.{SUFFIX}:9080", f"outbound|9080||details.{SUFFIX}"),
            virtual_host("allow_any", "PassthroughCluster", prefix=""),
        )
    )
    return mesh


def test_what_was_called_and_what_leads_there_is_shown(ostria, town):
    said = ostria("x", "scope", "productpage-v1")
    assert said.status == 0
    assert said.lines == [
        list(HEADER),
        [f"mysql.{SUFFIX}", "3306", "0", "4", "called by productpage-v1-x-1, productpage-v1-x-2"],
        [f"reviews.{SUFFIX}", "9080", "6", "2", "called by productpage-v1-x-1, productpage-v1-x-2"],
        ["shop.example.com", "-", "-", "-", f"leads to reviews.{SUFFIX}"],
    ]
    assert "3 of 3 hosts that 2 proxies can call" in said.err


def test_a_workloads_sidecar_selects_it_by_the_labels_of_its_template(ostria, town):
    made = yaml.safe_load(ostria("x", "scope", "deploy/productpage-v1", "-o", "yaml").out)
    assert made == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": "productpage-v1", "namespace": "default"},
        "spec": {
            "workloadSelector": {"labels": {"app": "productpage", "version": "v1"}},
            "egress": [{"hosts": ["istio-system/*", f"*/mysql.{SUFFIX}", f"*/reviews.{SUFFIX}", "*/shop.example.com"]}],
        },
    }


def test_a_namespace_has_one_sidecar_for_all(ostria, town):
    made = json.loads(ostria("x", "scope", "-o", "json").out)
    assert made["metadata"] == {"name": "default", "namespace": "default"}
    assert "workloadSelector" not in made["spec"]


@pytest.mark.parametrize("wanted", ["ratings-v1", "ratings-v1.default", "ratings-v1-x-1", "ratings-v1-x-1.default", "deploy/ratings-v1"])
def test_a_workload_is_named_as_everywhere(ostria, town, wanted):
    assert "1 proxy can call" in ostria("x", "scope", wanted).err


def test_gateways_and_unknown_workloads_have_no_scope(ostria, town):
    for arguments in (["nobody"], ["-n", "istio-system"]):
        said = ostria("x", "scope", *arguments)
        assert said.status == 1
        assert "no connected sidecar" in said.err


def test_calls_to_hosts_that_nobody_declares_are_said(ostria, town):
    town.pages[CLUSTERS] = json.dumps(clusters(cluster("PassthroughCluster", (1, 1))))
    assert "ratings-v1-x-1 also calls hosts that nobody declares" in ostria("x", "scope", "ratings-v1").err


def test_a_proxy_that_discovers_on_demand_starts_with_what_it_asked_for_and_goes_on_discovering(ostria, town):
    asked = {"vhds": ["9080/details", "9080/nobody.example:9080"], "cds": [f"outbound|27017||mongo.{SUFFIX}"]}
    town.pages["/debug/adsz"] = json.dumps({"clients": [{**client("shop-1", app="shop"), "onDemand": asked}]})
    stranger = {"name": "9080/nobody.example", "domains": ["nobody.example"], "routes": [{"route": {"cluster": "PassthroughCluster"}}]}
    details = {**virtual_host(f"details.{SUFFIX}:9080", f"outbound|9080||details.{SUFFIX}"), "domains": [f"details.{SUFFIX}", "details"]}
    town.pages[ROUTES] = json.dumps(routes(details, stranger))
    town.pages[CLUSTERS] = json.dumps(clusters(outbound("details", (0, 0))))
    said = ostria("x", "scope", "shop-1")
    assert said.lines[1:] == [
        [f"details.{SUFFIX}", "-", "-", "-", "asked for by shop-1"],
        [f"mongo.{SUFFIX}", "-", "-", "-", "asked for by shop-1"],
    ]
    assert "2 of 2 hosts that 1 proxy has by now" in said.err
    made = yaml.safe_load(ostria("x", "scope", "shop-1", "-o", "yaml").out)
    assert made["spec"]["egress"] == [{"hosts": ["istio-system/*", f"*/details.{SUFFIX}", f"*/mongo.{SUFFIX}", "*/*"]}]


def test_weights_and_mirrors_lead_to_clusters_too():
    usage = Usage()
    weighted = {"route": {"weighted_clusters": {"clusters": [{"name": f"outbound|80||a.{SUFFIX}"}]}}}
    mirrored = {"route": {"cluster": "x", "request_mirror_policies": [{"cluster": f"outbound|80||b.{SUFFIX}"}]}}
    hosts = [{"name": "one:80", "routes": [weighted]}, {"name": "two:80", "routes": [mirrored]}]
    found = {
        "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
        "dynamic_route_configs": routes(*hosts, name="80")["configs"],
    }
    usage.take("w", clusters(outbound("a", (1, 1), port=80), outbound("b", (1, 1), port=80)), {"configs": [found]})
    assert {host: use.leads_to for host, use in usage.hosts.items() if not use.called} == {
        "one": {f"a.{SUFFIX}"},
        "two": {f"b.{SUFFIX}"},
    }
