"""Everything that the bundled manifests make, for every proxy in them, is something that Envoy accepts."""

from pathlib import Path

import pytest
from tests.envoy.harness import validate_sets
from tests.unit.world import Village, pod, proxy, router

from ostria.api import documents
from ostria.snapshot.view import ProxyType
from ostria.translate import names
from ostria.translate.translator import Translator

ROOT = Path(__file__).resolve().parents[2]
TYPES = (names.CDS, names.EDS, names.LDS, names.RDS)
GATEWAY = {"istio": "ingressgateway", "app": "istio-ingressgateway"}


@pytest.mark.parametrize("folder", sorted(p.name for p in (ROOT / "examples").iterdir() if (p / "manifests").is_dir()))
def test_the_manifests_of_an_example(folder: str) -> None:
    text = "\n---\n".join(p.read_text() for p in sorted((ROOT / "examples" / folder / "manifests").glob("*.yaml")))
    check(text)


def check(text: str) -> None:
    """Every Deployment in `text` gets a pod, and a gateway stands before them all."""
    pods, claims = [], [router("edge", "istio-system", addresses=("10.200.0.1",), labels=GATEWAY)]
    for document in documents.read(text):
        item = document.data
        if isinstance(item, dict) and item.get("kind") == "Deployment":
            name, namespace = f"{item['metadata']['name']}-1", item["metadata"].get("namespace", "default")
            address = f"10.201.0.{len(pods) + 1}"
            template = item["spec"]["template"]
            pods.append(pod(name, address, namespace, labels=template["metadata"]["labels"]))
            claims.append(proxy(name, namespace, type=ProxyType.SIDECAR, addresses=(address,)))
    village = Village("\n---\n".join((text, *pods, pod("edge", "10.200.0.1", "istio-system", labels=GATEWAY, injected=False))))
    translator, snapshot = Translator(), village.snapshot
    completed = [snapshot.complete(c) for c in claims]
    sets = {id(s): s for c in completed for t in TYPES for s in (translator.resources(snapshot, c, t),)}
    assert all(len(translator.resources(snapshot, c, names.CDS)) for c in completed)
    validate_sets(sets.values())
