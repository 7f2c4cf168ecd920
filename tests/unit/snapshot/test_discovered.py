"""Namespaces that the mesh does not discover don't exist for it."""

from tests.unit.snapshot.yamls import virtual_service
from tests.unit.world import Village, host, pod, service

from ostria.snapshot.snapshots import Snapshots

_TOWN = pod("web-1", "10.0.0.1") + service("web", ("http", 80)) + service("far", ("http", 80), namespace="far")
_SELECTORS = {"discoverySelectors": [{"matchLabels": {"mesh": "in"}}, {"matchLabels": {"kubernetes.io/metadata.name": "default"}}]}


def _hosts(village: Village) -> list[str]:
    return [s.host for s in village.view("web-1").services()]


def test_only_selected_namespaces_are_discovered() -> None:
    assert _hosts(Village(_TOWN, _SELECTORS)) == [host("web")]
    assert _hosts(Village(_TOWN)) == [host("far", "far"), host("web")]


def test_a_namespace_joins_and_leaves_by_its_labels() -> None:
    village = Village(_TOWN + virtual_service("v", "hosts: [far], http: [{route: [{destination: {host: far}}]}]", "far"), _SELECTORS)
    village.put("{apiVersion: v1, kind: Namespace, metadata: {name: far, labels: {mesh: in}}}")
    assert village.snapshot.changed.everything
    assert _hosts(village) == [host("far", "far"), host("web")]
    assert len(village.view("web-1").egress[0].virtual_services) == 1
    village.put("{apiVersion: v1, kind: Namespace, metadata: {name: far, labels: {mesh: out}}}")
    assert _hosts(village) == [host("web")]
    village.put(service("far", ("http", 90), namespace="far"))
    assert village.snapshot.changed.configs == frozenset()
    village.put("{apiVersion: v1, kind: Namespace, metadata: {name: other}}")
    assert not village.snapshot.changed.everything


def test_the_settings_are_read_from_istios_config_map() -> None:
    village = Village(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: 'trustDomain: a.example'}}"
    )
    assert Snapshots().advance(village.store, ()).mesh.trust_domain == "a.example"
