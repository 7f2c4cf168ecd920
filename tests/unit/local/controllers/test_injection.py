"""Who gets a sidecar: Istio's table of namespace and pod labels."""

import pytest
from tests.unit.local.pods import template

from ostria.local.controllers.injection import INJECT, decide

ENABLED, DISABLED, NOTHING = {"istio-injection": "enabled"}, {"istio-injection": "disabled"}, {}


@pytest.mark.parametrize(
    ("space", "pod", "injected"),
    [
        (ENABLED, {}, True),
        (ENABLED, {INJECT: "true"}, True),
        (ENABLED, {INJECT: "false"}, False),
        (NOTHING, {}, False),
        (NOTHING, {INJECT: "true"}, True),
        (NOTHING, {INJECT: "false"}, False),
        (DISABLED, {}, False),
        (DISABLED, {INJECT: "true"}, False),
        ({"istio.io/rev": "default"}, {}, True),
        ({"istio.io/rev": "canary"}, {}, False),
        ({"istio.io/rev": "canary", **ENABLED}, {}, True),
        (NOTHING, {"istio.io/rev": "default"}, True),
        (NOTHING, {"istio.io/rev": "canary"}, False),
    ],
)
def test_labels_decide(space, pod, injected):
    assert decide("default", space, template(labels={"app": "web", **pod})).injected is injected


def test_the_older_annotation_opts_out():
    assert not decide("default", ENABLED, template(annotations={INJECT: "false"})).injected


def test_the_label_comes_before_the_annotation():
    assert decide("default", ENABLED, template(labels={INJECT: "true"}, annotations={INJECT: "false"})).injected


def test_a_pod_on_the_hosts_network_never_gets_one():
    found = decide("default", ENABLED, template(host_network=True))
    assert not found.injected
    assert "host" in found.reason


def test_the_reason_names_the_missing_label():
    assert "istio-injection" in decide("plain", NOTHING, template()).reason


def test_a_gateway_asks_for_its_template():
    found = decide("istio-system", NOTHING, template(labels={INJECT: "true"}, annotations={"inject.istio.io/templates": "gateway"}))
    assert found.injected
    assert found.router
