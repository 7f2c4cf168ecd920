"""What `up` makes of manifests: workloads as Kubernetes has them, addresses, names, the way out, and what changes do."""

import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.e2e.apps import shell, web
from tests.e2e.mesh import Mesh, eventually

pytestmark = pytest.mark.timeout(300)

OWN = """
apiVersion: v1
kind: Namespace
metadata: {name: plain}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: red, greeting.txt: hello}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {token: s3cret}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shell}
spec:
  selector: {matchLabels: {app: shell}}
  template:
    metadata: {labels: {app: shell}}
    spec:
      terminationGracePeriodSeconds: 1
      volumes:
      - {name: settings, configMap: {name: settings}}
      - {name: keys, secret: {secretName: keys, defaultMode: 0440}}
      - {name: scratch, emptyDir: {}}
      containers:
      - name: shell
        image: curlimages/curl
        command: [/bin/sleep, infinity]
        env:
        - {name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
        - {name: WHERE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        volumeMounts:
        - {name: settings, mountPath: /etc/app/settings}
        - {name: keys, mountPath: /secrets, readOnly: true}
        - {name: scratch, mountPath: /data/scratch}
"""
APPS = "---".join((OWN, web("*", replicas=2), shell("outsider", "plain")))


@pytest.fixture(scope="module")
def manifests(tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("apps") / "apps.yaml"
    path.write_text(APPS)
    return path


@pytest.fixture(scope="module", params=["root", "rootless"])
def mesh(request, start, manifests) -> Mesh:
    return start([manifests], rootless=request.param == "rootless")


def workload(mesh: Mesh, name: str) -> list[dict]:
    return [w for w in mesh.status()["workloads"] if w["workload"] == name]


class TestWorkloads:
    def test_a_container_sees_its_environment(self, mesh):
        assert mesh.exec("shell", "sh", "-c", "echo $COLOR $WHERE $HTTPBIN_SERVICE_PORT").split() == ["red", "default", "8000"]

    def test_volumes_appear_where_nothing_is_on_this_machine(self, mesh):
        assert mesh.exec("shell", "cat", "/etc/app/settings/greeting.txt", "/secrets/token") == "hellos3cret"
        assert mesh.exec("shell", "sh", "-c", "echo x > /data/scratch/file && cat /data/scratch/file").strip() == "x"
        assert not pathlib.Path("/data/scratch").exists()
        assert not pathlib.Path("/secrets").exists()

    def test_a_changed_config_map_arrives(self, mesh):
        mesh.write("apps.yaml", APPS.replace("greeting.txt: hello", "greeting.txt: good evening"))
        eventually(lambda: mesh.exec("shell", "cat", "/etc/app/settings/greeting.txt") == "good evening")

    def test_an_app_has_no_rights_at_all(self, mesh):
        status = mesh.exec("shell", "cat", "/proc/self/status")
        assert re.search(r"CapBnd:\s+0{16}", status)
        assert re.search(r"CapEff:\s+0{16}", status)
        assert re.search(r"NoNewPrivs:\s+1", status)
        assert mesh.run("exec", "shell", "--", "sh", "-c", "iptables -t nat -F || ip link del eth0", check=False).returncode

    def test_an_app_sees_neither_other_processes_nor_the_meshs_keys(self, mesh):
        numbers = mesh.exec("shell", "sh", "-c", "ls -d /proc/[0-9]* | wc -l")
        assert int(numbers) < 8
        assert mesh.run("exec", "shell", "--", "ls", str(mesh.home / "state/ostria" / mesh.name / "ca"), check=False).returncode
        assert mesh.run("exec", "shell", "--", "touch", "/usr/bin/x", check=False).returncode

    def test_replicas_have_addresses_of_their_own(self, mesh):
        addresses = {w["addresses"][0] for w in workload(mesh, "httpbin")}
        assert len(addresses) == 2

    def test_an_update_rolls_and_nobody_notices(self, mesh):
        before = {w["name"] for w in workload(mesh, "httpbin")}
        statuses: list[int] = []
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                statuses.append(mesh.get("/get").status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            changed = APPS.replace("labels: {app: httpbin}}\n    spec:", 'labels: {app: httpbin, version: "2"}}\n    spec:')
            mesh.write("apps.yaml", changed)
            eventually(lambda: len(now := {w["name"] for w in workload(mesh, "httpbin") if w["ready"]}) == 2 and not now & before, 60)
        finally:
            ended.set()
            asking.join()
        assert statuses
        assert set(statuses) == {200}


class TestNames:
    def test_a_workload_without_a_sidecar_reaches_services(self, mesh):
        assert mesh.status_code("outsider.plain", "http://httpbin.default:8000/get") == "200"
        assert not workload(mesh, "outsider")[0]["injected"]

    def test_a_service_without_endpoints_refuses_at_once(self, mesh):
        mesh.write(
            "empty.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: empty}\nspec: {selector: {app: nobody}, ports: [{port: 80}]}\n"
        )
        eventually(lambda: "empty" in mesh.run("get", "svc").stdout)
        began = time.monotonic()
        assert mesh.status_code("outsider.plain", "http://empty.default/") == "000"
        assert time.monotonic() - began < 5
        mesh.remove("empty.yaml")


class _Caller(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the world")

    def log_message(self, *_: object) -> None:
        pass


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


class TestOutside:
    @pytest.mark.parametrize("who", ["shell", "outsider.plain"])
    def test_a_workload_reaches_an_address_of_the_world(self, mesh, who):
        server = HTTPServer(("0.0.0.0", 0), _Caller)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert mesh.curl(who, f"http://{own_address()}:{server.server_port}/") == "the world"
        finally:
            server.shutdown()

    def test_the_callers_address_survives_the_way_in(self, mesh):
        address = own_address()
        seen = subprocess.run(["curl", "-sS", f"http://{address}:{mesh.port}/headers"], capture_output=True, text=True, check=True).stdout
        assert json.loads(seen)["headers"]["X-Forwarded-For"] == [address]


class TestChanges:
    def test_objects_are_applied_and_deleted(self, mesh, tmp_path):
        file = tmp_path / "dr.yaml"
        file.write_text("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: mine}\nspec: {host: httpbin}\n")
        file.chmod(0o644)
        text = file.read_text()
        assert "created" in mesh.run("apply", "-f", "-", text=text).stdout
        assert "unchanged" in mesh.run("apply", "-f", "-", text=text).stdout
        assert "deleted" in mesh.run("delete", "dr", "mine").stdout
        assert mesh.run("delete", "dr", "mine", check=False).returncode == 1

    def test_an_object_of_a_watched_file_is_not_applied_over(self, mesh):
        text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {color: blue}\n"
        refused = mesh.run("apply", "-f", "-", check=False, text=text)
        assert refused.returncode == 1
        assert "apps.yaml" in refused.stderr

    def test_a_label_decides_about_sidecars(self, mesh):
        mesh.write("late.yaml", LATE)
        eventually(lambda: any(w["ready"] and w["injected"] for w in workload(mesh, "late")), 60)
        mesh.run("label", "ns", "later", "istio-injection=disabled", "--overwrite")
        eventually(lambda: any(w["ready"] and not w["injected"] for w in workload(mesh, "late")), 60)
        mesh.remove("late.yaml")
        eventually(lambda: not workload(mesh, "late"))

    def test_an_unknown_image_is_named_with_both_fixes(self, mesh):
        mesh.write(
            "odd.yaml",
            LATE.replace("name: late", "name: odd")
            .replace("curlimages/curl", "ghcr.io/example/odd:1")
            .replace("command: [/bin/sleep, infinity]", "args: [x]"),
        )
        eventually(lambda: any("ostria.yaml" in w["trouble"] for w in workload(mesh, "odd")))
        assert "local.ostria.dev/command" in mesh.run("status", check=False).stderr
        mesh.remove("odd.yaml")


LATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: late, namespace: later}
spec:
  selector: {matchLabels: {app: late}}
  template:
    metadata: {labels: {app: late}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: shell, image: curlimages/curl, command: [/bin/sleep, infinity]}]
"""


ECHO = pathlib.Path(__file__).resolve().parents[2] / "examples/grpc_echo/manifests/echo.yaml"
CALLER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: caller}
spec:
  selector: {matchLabels: {app: caller}}
  template:
    metadata:
      labels: {app: caller}
      annotations: {inject.istio.io/templates: grpc-agent}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: app, image: curlimages/curl, command: [/bin/sleep, infinity]}]
"""
CALL = """
import grpc
from google.protobuf.wrappers_pb2 import StringValue
channel = grpc.insecure_channel("xds:///echo.default.svc.cluster.local:7070")
echo = channel.unary_unary("/echo.Echo/Echo", request_serializer=StringValue.SerializeToString, response_deserializer=StringValue.FromString)
print({echo(StringValue(value="hi"), timeout=10).value.split()[0] for _ in range(20)})
"""


class TestProxyless:
    @pytest.mark.parametrize("rootless", [False, True], ids=["root", "rootless"])
    def test_a_grpc_app_asks_its_agent_itself(self, start, tmp_path, rootless):
        caller = tmp_path / "caller.yaml"
        caller.write_text(CALLER)
        mesh = start([ECHO, caller], rootless=rootless)
        assert mesh.exec("caller", sys.executable, "-c", CALL).strip() == "{'hi'}"
        bootstrap = json.loads(mesh.exec("caller", "sh", "-c", "cat $GRPC_XDS_BOOTSTRAP"))
        assert bootstrap["xds_servers"][0]["server_uri"].startswith("unix:")
        assert bootstrap["node"]["metadata"]["GENERATOR"] == "grpc"


BESIDE = """
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 5
      volumes: [{name: d, emptyDir: {}}]
      initContainers:
      - name: helper
        image: curlimages/curl
        restartPolicy: Always
        command: [sh, -c, "sleep 1; touch /d/up; trap 'echo the helper ends; exit 0' TERM; while :; do sleep 0.1; done"]
        startupProbe: {exec: {command: [test, -e, /d/up]}, periodSeconds: 1, failureThreshold: 10}
        volumeMounts: [{name: d, mountPath: /d}]
      containers:
      - {name: job, image: curlimages/curl, command: [sh, -c, "test -e /d/up && echo the helper was first"], volumeMounts: [{name: d, mountPath: /d}]}
"""


class TestSidecarContainers:
    def test_one_is_there_before_the_job_and_ends_after_it(self, start, tmp_path):
        file = tmp_path / "once.yaml"
        file.write_text(BESIDE)
        mesh = start([file])
        eventually(lambda: workload(mesh, "once")[0]["phase"] == "Succeeded")
        assert mesh.run("logs", "once", "-c", "job").stdout.strip() == "the helper was first"
        assert mesh.run("logs", "once", "-c", "helper").stdout.strip() == "the helper ends"
