"""What `ostria status` tells of a mesh, as data."""

from ostria.config.loading import load
from ostria.config.mesh import MeshSettings
from ostria.config.store import Change, Store
from ostria.local.operations.status import meaningless

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: app, image: app, imagePullPolicy: Always}]
"""


def store(text: str) -> Store:
    found = Store()
    stored = [item.stored for item in load("web.yaml", text).items if item.stored is not None]
    found.apply([Change(entry.key, None, entry) for entry in stored])
    return found


def test_a_field_without_meaning_is_told_with_object_place_and_reason():
    (field,) = meaningless(store(DEPLOYMENT), MeshSettings())
    assert (field["object"], field["path"], field["line"]) == ("Deployment default/web", "web.yaml", 2)
    assert field["field"] == "spec.template.spec.containers[0].imagePullPolicy"
    assert "nothing is pulled" in field["reason"]


def test_so_are_fields_of_the_mesh_config():
    (field,) = meaningless(Store(), MeshSettings({"ingressClass": "nginx"}))
    assert (field["object"], field["field"]) == ("MeshConfig", "ingressClass")


def test_an_ordinary_object_has_none():
    assert meaningless(store(DEPLOYMENT.replace(", imagePullPolicy: Always", "")), MeshSettings()) == []
