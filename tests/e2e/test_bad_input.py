"""What is wrong is said with its place and a hint, in `status` and in logs, and costs nobody else anything."""

import os
import pathlib
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from tests.e2e.apps import HOST, WEB, files, shell
from tests.e2e.mesh import START_SECONDS, Mesh, eventually, kill

pytestmark = pytest.mark.timeout(300)

SPOILT = "outbound|8000||httpbin.default.svc.cluster.local"
"""The cluster that no Envoy takes while its connect timeout is 7 s: see `ostria.translate.tamper`."""
TAMPER = {"OSTRIA_TEST_TAMPER": f"{SPOILT}=seconds: 7\n"}
PLAIN = "apiVersion: v1\nkind: Namespace\nmetadata: {name: plain}\n---" + shell("outsider", "plain")
SHELLS = PLAIN + "---" + shell()


@pytest.fixture(scope="module", params=["root", "rootless"])
def mesh(request, start, tmp_path_factory) -> Mesh:
    manifests = files(tmp_path_factory.mktemp("web"), web=WEB, shells=SHELLS)
    running = start(manifests, rootless=request.param == "rootless", variables=TAMPER)
    running.provoked.append(SPOILT)
    running.settled()
    return running


@pytest.fixture(autouse=True)
def nothing_else_is_lost(request) -> Iterator[None]:
    """Whatever a story does, the service is served before, during (each story asks) and after."""
    if "mesh" not in request.fixturenames:
        yield
        return
    mesh: Mesh = request.getfixturevalue("mesh")
    before = {file.name: file.read_text() for file in mesh.watched.iterdir()}
    assert mesh.get("/get", HOST).status_code == 200
    yield
    for file in list(mesh.watched.iterdir()):
        if file.name not in before:
            file.unlink()
        elif file.read_text() != before[file.name]:
            mesh.write(file.name, before[file.name])
    eventually(lambda: mesh.run("status", check=False).returncode == 0, 40, "status is clean again")
    assert mesh.get("/get", HOST).status_code == 200


def said(mesh: Mesh, *texts: str) -> str:
    """What `status` says, as soon as it says all of `texts`; its exit status must be 1."""
    found: list[str] = []

    def complete() -> bool:
        done = mesh.run("status", check=False)
        found[:] = [done.stderr]
        return done.returncode == 1 and all(text in done.stderr for text in texts)

    try:
        eventually(complete, 30)
    except AssertionError:
        raise AssertionError(f"status does not say {texts}, but:\n{found[0]}") from None
    return found[0]


def warned(mesh: Mesh, *texts: str) -> None:
    """`status` says `texts`; the mesh does what its files say, so its exit status is 0."""
    eventually(lambda: all(text in mesh.run("status").stderr for text in texts), 20, f"status says {texts}")


def rules(host: str, *routes: str, name: str = "more") -> str:
    listed = "\n".join(f"  - {route}" for route in routes)
    head = f"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n"
    return f"{head}spec:\n  hosts: [{host}]\n  gateways: [web]\n  http:\n{listed}\n"


TEAPOT = "{directResponse: {status: 418}}"
POLICY = """apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules: [{to: [{operation: {paths: [/headers]}}]}]
"""


class TestFiles:
    def test_a_file_that_is_no_yaml_keeps_its_last_good_version(self, mesh):
        mesh.write("more.yaml", rules("more.example", TEAPOT))
        eventually(lambda: mesh.get("/", host="more.example").status_code == 418)
        mesh.write("more.yaml", rules("more.example", TEAPOT).replace("hosts: [", "hosts: [["))
        text = said(mesh, "more.yaml:6", "VirtualService default/more", "malformed YAML")
        assert "hint:" in text
        mesh.write("other.yaml", rules("other.example", "{directResponse: {status: 410}}", name="other"))
        eventually(lambda: mesh.get("/", host="other.example").status_code == 410, what="another file is followed as ever")
        assert mesh.get("/", host="more.example").status_code == 418
        mesh.write("more.yaml", rules("more.example", "{directResponse: {status: 420}}"))
        eventually(lambda: mesh.get("/", host="more.example").status_code == 420)
        assert mesh.run("status").returncode == 0

    def test_workloads_of_a_file_that_is_no_yaml_live_on(self, mesh):
        before = mesh.pid("httpbin", "httpbin")
        mesh.write("web.yaml", "{" + (mesh.watched / "web.yaml").read_text())
        said(mesh, "web.yaml:", "malformed YAML")
        assert mesh.get("/get", HOST).status_code == 200
        assert mesh.pid("httpbin", "httpbin") == before

    def test_a_key_that_stands_there_twice_is_named(self, mesh):
        mesh.write("more.yaml", rules("more.example", TEAPOT).replace("{name: more}", "{name: more, name: less}"))
        said(mesh, "more.yaml:3", "the key 'name' is there twice", "hint: remove one of the two")
        assert mesh.get("/", host="more.example").status_code == 404

    def test_the_same_object_in_two_files_names_both_and_the_first_counts(self, mesh):
        mesh.write("b-first.yaml", rules("more.example", TEAPOT))
        eventually(lambda: mesh.get("/", host="more.example").status_code == 418)
        mesh.write("c-second.yaml", "# a comment\n" + rules("more.example", "{directResponse: {status: 410}}"))
        text = said(mesh, "c-second.yaml:2", "VirtualService default/more", "b-first.yaml:1:1")
        assert "hint:" in text
        assert mesh.get("/", host="more.example").status_code == 418
        mesh.remove("b-first.yaml")
        eventually(lambda: mesh.get("/", host="more.example").status_code == 410)
        assert mesh.run("status").returncode == 0

    def test_unknown_kinds_are_named_and_their_neighbours_in_the_file_count(self, mesh):
        odd = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\n---\n"
        odd += "apiVersion: networking.istio.io/v1\nkind: VirtualServise\nmetadata: {name: odd}\n---\n"
        mesh.write("more.yaml", odd + rules("more.example", TEAPOT))
        said(mesh, "more.yaml:2", "CronJob (batch/v1) is not supported", "more.yaml:6", "hint: did you mean VirtualService")
        eventually(lambda: mesh.get("/", host="more.example").status_code == 418)

    def test_an_unknown_field_and_a_bad_value_are_both_named(self, mesh):
        mesh.write("more.yaml", rules("more.example", "{timeout: 5x, directRespons: {status: 418}}"))
        said(mesh, "spec.http[0].timeout", "spec.http[0].directRespons", "hint: did you mean directResponse")


class TestRoutes:
    def test_a_service_without_endpoints_answers_503_and_says_why(self, mesh):
        mesh.write(
            "more.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: empty}\nspec: {selector: {app: nobody}, ports: [{name: http, port: 80}]}\n",
        )
        warned(mesh, "more.yaml:1", "Service default/empty", "no endpoints", "app=nobody", "hint:")
        eventually(
            lambda: mesh.curl("shell", "-w", " %{http_code}", "http://empty/") == "no healthy upstream 503", what="503 from the sidecar"
        )
        eventually(lambda: " 503 UH " in mesh.run("logs", "shell", "-c", "proxy").stdout, what="flag UH in the proxy's log")

    @pytest.mark.parametrize(
        ("destination", "why"),
        [
            ("{host: nowhere, port: {number: 80}}", "host nowhere.default.svc.cluster.local is not a service"),
            ("{host: httpbin, subset: v7, port: {number: 8000}}", "no DestinationRule defines subset v7"),
            ("{host: httpbin, port: {number: 81}}", "has no port 81"),
        ],
        ids=["host", "subset", "port"],
    )
    def test_a_route_that_leads_nowhere_answers_503_and_says_why(self, mesh, destination, why):
        mesh.write(
            "more.yaml",
            rules(
                "more.example",
                "{match: [{uri: {prefix: /fine}}], directResponse: {status: 418}}",
                f"{{route: [{{destination: {destination}}}]}}",
            ),
        )
        eventually(lambda: mesh.get("/", host="more.example").status_code == 503)
        assert mesh.get("/fine", host="more.example").status_code == 418
        warned(mesh, "more.yaml:1", "VirtualService default/more: spec.http[1]", why, "hint:")
        eventually(lambda: " 503 NC cluster_not_found " in mesh.run("logs", "istio-ingressgateway.istio-system", "-c", "proxy").stdout)
        eventually(lambda: why in mesh.run("logs", "istiod.istio-system").stdout, what="the control plane's log says why, too")

    def test_a_gateway_that_is_missing_is_named(self, mesh):
        mesh.write("more.yaml", rules("more.example", TEAPOT).replace("[web]", "[front]"))
        warned(mesh, "more.yaml:1", "VirtualService default/more", "gateway default/front does not exist", "there are: default/web")
        assert mesh.get("/", host="more.example").status_code == 404


def deployment(container: str) -> str:
    return shell("odd").replace("{name: odd, image: curlimages/curl, command: [/bin/sleep, infinity]}", container)


class TestWorkloads:
    def test_a_command_that_does_not_exist_is_named(self, mesh):
        mesh.write("odd.yaml", deployment("{name: main, image: curlimages/curl, command: [/no/such/program]}"))
        said(mesh, "container main: RunContainerError", "'/no/such/program' can't be run: No such file or directory", "hint:")
        assert "/no/such/program" in mesh.run("logs", "odd", "-c", "main").stdout

    def test_an_image_that_nobody_knows_is_named_with_both_fixes(self, mesh):
        mesh.write("odd.yaml", deployment("{name: main, image: 'registry.example/team/thing:2.1'}"))
        said(
            mesh,
            "container 'main'",
            "registry.example/team/thing:2.1",
            "local.ostria.dev/command.main",
            "ostria.yaml",
            "registry.example/team/thing:*",
        )

    def test_an_app_that_ends_again_and_again_is_started_with_longer_and_longer_pauses(self, mesh):
        mesh.write("odd.yaml", deployment("{name: main, image: x, command: [/bin/sh, -c, 'echo so long; exit 3']}"))
        said(mesh, "CrashLoopBackOff: ended with status 3; next start in 6 s")
        (workload,) = [w for w in mesh.status()["workloads"] if w["workload"] == "odd"]
        assert not workload["ready"]
        assert workload["restarts"] == 7
        assert mesh.run("logs", "odd", "-c", "main").stdout.count("so long") == workload["restarts"]

    def test_a_missing_config_map_is_waited_for(self, mesh):
        mesh.write(
            "odd.yaml", deployment("{name: main, image: x, command: [/bin/sleep, infinity], envFrom: [{configMapRef: {name: settings}}]}")
        )
        said(mesh, "CreateContainerConfigError", "settings")
        mesh.write("settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {COLOR: red}\n")
        eventually(lambda: mesh.run("status", check=False).returncode == 0)
        assert mesh.exec("odd", "printenv", "COLOR").strip() == "red"

    def test_a_namespace_without_the_label_gets_no_sidecar_and_takes_part_all_the_same(self, mesh):
        (outsider,) = [w for w in mesh.status()["workloads"] if w["workload"] == "outsider"]
        assert (outsider["injected"], outsider["ready"]) == (False, True)
        assert outsider["injection"] == "namespace plain has no label istio-injection"
        assert mesh.status_code("outsider.plain", "http://httpbin.default:8000/get") == "200"
        mesh.write("plain-web.yaml", _named(WEB.partition("---\napiVersion: networking")[0], "plain"))
        eventually(lambda: mesh.status_code("shell", "http://httpbin.plain:8000/get") == "200", 30, "a meshed workload reaches it")


def _named(text: str, namespace: str) -> str:
    return text.replace("metadata: {name: httpbin}", f"metadata: {{name: httpbin, namespace: {namespace}}}")


def slow(seconds: int) -> str:
    head = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: slow}\n"
    return f"{head}spec: {{host: httpbin, trafficPolicy: {{connectionPool: {{tcp: {{connectTimeout: {seconds}s}}}}}}}}\n"


class TestEnvoyRefuses:
    def held(self, mesh: Mesh) -> str:
        return mesh.run("proxy-config", "cluster", "shell", "--fqdn", "httpbin.default.svc.cluster.local", "-o", "json").stdout

    def test_the_last_good_version_stays_and_the_object_is_named(self, mesh):
        mesh.write("slow.yaml", slow(6))
        eventually(lambda: '"6s"' in self.held(mesh))
        mesh.write("slow.yaml", slow(7))
        eventually(lambda: mesh.run("proxy-status", check=False).returncode == 1, what="proxy-status says no")
        status = mesh.run("proxy-status", check=False)
        assert "REJECTED" in status.stdout
        assert SPOILT in status.stderr
        assert "DestinationRule default/slow" in status.stderr
        assert "slow.yaml:1" in status.stderr
        assert '"6s"' in self.held(mesh)
        said(
            mesh,
            "slow.yaml:1: error:",
            "DestinationRule default/slow",
            f"Envoy refuses Cluster {SPOILT}",
            "hint: the last version that Envoy took",
        )
        assert mesh.status_code("shell", "http://httpbin:8000/get") == "200"
        mesh.write("more.yaml", rules("more.example", TEAPOT))
        eventually(lambda: mesh.get("/", host="more.example").status_code == 418, what="other changes arrive")
        mesh.write("slow.yaml", slow(8))
        eventually(lambda: '"8s"' in self.held(mesh))
        assert mesh.run("proxy-status").returncode == 0
        assert not any(row.get("rejected") for row in mesh.proxies())

    def test_an_envoy_that_starts_meanwhile_gets_everything_else(self, mesh):
        mesh.write("slow.yaml", slow(7))
        eventually(lambda: mesh.run("proxy-status", check=False).returncode == 1)
        mesh.write("late.yaml", shell("late"))
        eventually(lambda: any(w["workload"] == "late" and w["pids"].get("envoy") for w in mesh.status()["workloads"]))
        mesh.write("plain-web.yaml", _named(WEB.partition("---\napiVersion: networking")[0], "plain"))
        eventually(lambda: mesh.status_code("late", "http://httpbin.plain:8000/get") == "200", 30, "neighbours of the bad cluster work")
        assert mesh.status_code("late", "http://httpbin:8000/get") == "503"


class TestPolicies:
    def test_a_refused_policy_is_not_enforced_and_says_so_at_those_it_selects(self, mesh):
        mesh.write("policy.yaml", POLICY.replace("DENY", "DENNY"))
        text = said(mesh, "policy.yaml:6", "spec.action", "hint: did you mean DENY")
        unenforced = [line for line in text.splitlines() if "policy not enforced" in line]
        assert [line.split("-")[0] for line in unenforced] == ["httpbin"]
        assert "AuthorizationPolicy default/closed" in unenforced[0]

    def test_its_last_good_version_is_enforced_on(self, mesh):
        mesh.write("policy.yaml", POLICY)
        eventually(lambda: mesh.get("/headers", HOST).status_code == 403)
        mesh.write("policy.yaml", POLICY.replace("DENY", "DENNY").replace("/headers", "/elsewhere"))
        text = said(mesh, "policy.yaml:6")
        assert "policy not enforced" not in text
        self.is_enforced(mesh)
        mesh.write("policy.yaml", "{" + POLICY)
        said(mesh, "policy.yaml:", "malformed YAML")
        self.is_enforced(mesh)
        assert mesh.get("/get", HOST).status_code == 200

    def test_it_is_enforced_by_a_control_plane_that_starts_anew_too(self, mesh):
        mesh.write("policy.yaml", POLICY)
        eventually(lambda: mesh.get("/headers", HOST).status_code == 403)
        mesh.write("policy.yaml", POLICY.replace("DENY", "DENNY"))
        said(mesh, "policy.yaml:6")
        before = mesh.pid("istiod", "discovery")
        kill(before)
        eventually(lambda: mesh.pid("istiod", "discovery") != before, 20, "another control plane")
        mesh.write("more.yaml", rules("more.example", TEAPOT))
        eventually(lambda: mesh.get("/", host="more.example").status_code == 418, 30, "it has told every proxy what it knows")
        self.is_enforced(mesh)
        mesh.write("policy.yaml", POLICY.replace("/headers", "/elsewhere"))
        eventually(lambda: mesh.get("/headers", HOST).status_code == 200, what="the file counts again when it is good")

    def is_enforced(self, mesh: Mesh) -> None:
        """Connections that an update drains may carry one more request under the older rules: a few in a row tell."""
        eventually(lambda: [mesh.get("/headers", HOST).status_code for _ in range(8)] == [403] * 8, 5)
        time.sleep(1)
        assert [mesh.get("/headers", HOST).status_code for _ in range(8)] == [403] * 8

    def test_apply_changes_nothing_when_one_is_refused(self, mesh):
        refused = mesh.run("apply", "-f", "-", text=rules("more.example", TEAPOT) + "---\n" + POLICY.replace("DENY", "DENNY"), check=False)
        assert refused.returncode == 1
        assert "hint: did you mean DENY?" in refused.stderr
        assert "nothing was changed" in refused.stderr
        assert "more" not in mesh.run("get", "vs").stdout


class TestStart:
    """`up` itself: what keeps a mesh from starting is said at once, with what to do."""

    def refused(
        self, tmp_path: pathlib.Path, *flags: str, text: str = "", variables: dict[str, str] | None = None, rootless: bool = False
    ) -> str:
        user = rootless and os.geteuid() == 0
        mesh = Mesh(name=f"bad{os.getpid()}", files=files(tmp_path, web=WEB, more=text), variables=variables or {}, rootless=user)
        try:
            done = mesh.run("up", "-f", str(mesh.watched), "--detach", *flags, check=False)
            assert done.returncode == 1, done.stdout + done.stderr
            assert "hint:" in done.stderr
            assert mesh.run("status", check=False).returncode == 1
            return done.stderr
        finally:
            mesh.down()
            mesh.clean_up()

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (POLICY.replace("DENY", "DENNY"), "more.yaml:6:3: error: AuthorizationPolicy default/closed: spec.action"),
            (
                POLICY.replace("AuthorizationPolicy", "AuthorizationPolicies"),
                "more.yaml:2:1: error: AuthorizationPolicies closed: kind: unknown kind",
            ),
            (POLICY.replace("{name: closed}", "{}"), "more.yaml:"),
            ("{" + POLICY, "malformed YAML"),
        ],
        ids=["refused", "misspelt", "nameless", "no YAML"],
    )
    def test_a_policy_that_is_refused_stops_it(self, tmp_path, text, words):
        said = self.refused(tmp_path, text=text)
        assert words in said
        assert "the mesh does not start without what its files ask to be enforced" in said

    def test_a_state_folder_that_cant_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        assert "can't be used: Not a directory" in self.refused(tmp_path, variables={"XDG_STATE_HOME": str(tmp_path / "file")})

    def test_a_state_folder_of_somebody_else(self, tmp_path):
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        assert "can't be used: Permission denied" in self.refused(tmp_path, variables={"XDG_STATE_HOME": str(closed)}, rootless=True)

    def test_a_port_in_use(self, tmp_path):
        with socket.create_server(("0.0.0.0", 0)) as taken:
            port = taken.getsockname()[1]
            assert f"port {port} is in use" in self.refused(tmp_path, "--gateway-port", str(port))

    def test_a_path_that_is_not_there(self, tmp_path):
        assert "/no/such/folder: there is no such file or folder" in self.refused(tmp_path, "-f", "/no/such/folder")

    def test_a_setting_that_nobody_knows(self, tmp_path):
        (tmp_path / "ostria.yaml").write_text("imagse: {}\n")
        assert "imagse" in self.refused(tmp_path, "-f", str(tmp_path / "ostria.yaml"))


class TestTwoOfOneName:
    def test_one_of_two_that_start_at_once_runs_and_the_other_says_so(self, tmp_path):
        mesh = Mesh(name=f"twice{os.getpid()}", files=files(tmp_path, web=WEB))
        command = mesh.command("up", "-f", str(mesh.watched), "--gateway-port", str(mesh.port), "--detach")
        try:
            both = [
                subprocess.Popen(command, env=mesh.environment(), cwd=mesh.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(2)
            ]
            ended = {each.returncode: err for each in both for _, err in [each.communicate(timeout=START_SECONDS)]}
            assert sorted(ended) == [0, 1], ended
            assert "is running already" in ended[1]
            assert "hint:" in ended[1]
            assert mesh.get("/get", HOST).status_code == 200
            self.refused(Mesh(name=mesh.name, files=[]), "with another state folder is running already")
        finally:
            mesh.down()
            mesh.clean_up()

    def refused(self, other: Mesh, words: str) -> None:
        done = other.run("up", "--detach", check=False)
        other.clean_up()
        assert done.returncode == 1
        assert words in done.stderr
        assert "hint:" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
class TestFullDisk:
    @pytest.fixture
    def disk(self, tmp_path) -> Iterator[tuple[list[str], pathlib.Path]]:
        """A disk of 400 KB, in a mount namespace that only the words in front of a command lead into."""
        folder = tmp_path / "disk"
        folder.mkdir()
        holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o size=400k tmpfs {folder} && echo && exec sleep 300"],
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None
        holder.stdout.readline()
        yield ["nsenter", "--mount", "--target", str(holder.pid), "--"], folder
        holder.kill()
        holder.wait()

    def fill(self, disk: tuple[list[str], pathlib.Path]) -> None:
        subprocess.run([*disk[0], "dd", "if=/dev/zero", f"of={disk[1]}/fill", "bs=1k"], stderr=subprocess.DEVNULL, check=False)

    def free(self, disk: tuple[list[str], pathlib.Path]) -> None:
        subprocess.run([*disk[0], "rm", f"{disk[1]}/fill"], check=True)

    def test_a_mesh_does_not_start_on_it_and_runs_on_when_it_fills(self, disk, tmp_path):
        mesh = Mesh(
            name=f"full{os.getpid()}", files=files(tmp_path, web=WEB), variables={"XDG_STATE_HOME": str(disk[1])}, prefix=tuple(disk[0])
        )
        try:
            self.fill(disk)
            refused = mesh.run("up", "-f", str(mesh.watched), "--detach", check=False)
            assert refused.returncode == 1
            assert "No space left on device" in refused.stderr
            assert "hint: free some space" in refused.stderr
            self.free(disk)
            mesh.up()
            self.fill(disk)
            assert {mesh.get("/get", HOST).status_code for _ in range(100)} == {200}
            mesh.write("more.yaml", rules("more.example", TEAPOT))
            eventually(lambda: mesh.get("/", host="more.example").status_code == 418, what="watched files are followed")
            refused = mesh.run("apply", "-f", "-", text=POLICY, check=False)
            assert refused.returncode == 1
            assert "No space left on device" in refused.stderr
            assert "hint: free some space" in refused.stderr
            self.free(disk)
            assert "created" in mesh.run("apply", "-f", "-", text=POLICY).stdout
            eventually(lambda: mesh.get("/headers", HOST).status_code == 403)
        finally:
            mesh.down()
            mesh.clean_up()
