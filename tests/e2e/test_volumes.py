"""A volume may be mounted anywhere, even over the folder that this checkout and its Python live in."""

import pytest
from tests.e2e.mesh import ROOT, Mesh, eventually

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def hello(tmp_path):
    file = tmp_path / "hello.yaml"
    file.write_text(f"""
apiVersion: v1
kind: Service
metadata: {{name: hello}}
spec:
  selector: {{app: hello}}
  ports: [{{name: http, port: 5000}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: hello}}
spec:
  selector: {{matchLabels: {{app: hello}}}}
  template:
    metadata: {{labels: {{app: hello}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: hello
        image: examples-helloworld-v1:1
        ports: [{{containerPort: 5000}}]
        readinessProbe: {{tcpSocket: {{port: 5000}}}}
        volumeMounts: [{{name: scratch, mountPath: {ROOT.parent}}}]
      volumes: [{{name: scratch, emptyDir: {{}}}}]
""")
    return file


@pytest.mark.parametrize("rootless", [False, True], ids=["root", "rootless"])
def test_an_app_below_a_volume_still_starts(start, hello, rootless):
    mesh: Mesh = start([hello], rootless=rootless)
    eventually(lambda: "Hello version: v1" in mesh.curl("hello", "http://hello:5000/hello"), what="an answer")
    assert mesh.exec("hello", "sh", "-c", f"touch {ROOT.parent}/mine && ls {ROOT.parent}/mine").strip() == f"{ROOT.parent}/mine"
    assert not (ROOT.parent / "mine").exists()
