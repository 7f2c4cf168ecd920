"""Who survives whom, and what is left on the machine when a mesh has ended: nothing."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest
from tests.e2e.apps import HOST, WEB, files, shell
from tests.e2e.load import Load
from tests.e2e.mesh import START_SECONDS, TEST_UID, Mesh, eventually, kill

pytestmark = pytest.mark.timeout(300)

BACK_SECONDS = 3.0
MODES = pytest.mark.parametrize("rootless", [False, True], ids=["root", "rootless"])


@pytest.fixture(scope="module")
def manifests(tmp_path_factory) -> list[pathlib.Path]:
    return files(tmp_path_factory.mktemp("web"), web=WEB, shell=shell())


def parts(mesh: Mesh, workload: str) -> dict[str, int]:
    return next((w["pids"] for w in mesh.status()["workloads"] if w["name"].startswith(workload)), {})


def served(mesh: Mesh) -> bool:
    return mesh.get("/get", HOST).status_code == 200


@pytest.fixture(scope="module", params=["root", "rootless"])
def mesh(request, start, manifests) -> Mesh:
    running = start(manifests, rootless=request.param == "rootless")
    running.settled()
    eventually(lambda: served(running))
    return running


class TestKills:
    """Steady traffic, half of it over kept connections, nothing tried again by the client."""

    def killed(self, mesh: Mesh, workload: str, part: str, times: int = 3) -> Load:
        """`part` of `workload` is killed that many times, each time when it was back for a moment."""
        with Load(mesh.port, "/get", HOST) as load:
            time.sleep(1)
            for _ in range(times):
                before = mesh.pid(workload, part)
                kill(before)
                eventually(lambda gone=before: parts(mesh, workload).get(part, gone) != gone, 20, f"{part} of {workload} is back")
                time.sleep(2)
        assert load.sent > 50
        return load

    @pytest.mark.parametrize(("workload", "part"), [("istiod", "discovery"), ("httpbin", "agent"), ("istio-ingressgateway", "agent")])
    def test_no_request_fails_when_what_only_configures_is_killed(self, mesh, workload, part):
        load = self.killed(mesh, workload, part)
        assert load.failed == []
        mesh.settled()

    @pytest.mark.parametrize(
        ("workload", "part"),
        [("httpbin", "envoy"), ("httpbin", "httpbin"), ("istio-ingressgateway", "envoy")],
        ids=["sidecar", "app", "gateway"],
    )
    def test_what_carries_requests_is_back_soon(self, mesh, workload, part):
        eventually(lambda: served(mesh))
        kill(mesh.pid(workload, part))
        began = time.monotonic()
        with contextlib.suppress(Exception):
            eventually(lambda: not served(mesh), 1, "the loss is noticed")
        eventually(lambda: served(mesh), 20, "it is served again")
        assert time.monotonic() - began < BACK_SECONDS
        eventually(lambda: mesh.run("status", check=False).returncode == 0)

    def test_an_app_that_is_killed_starts_again_and_is_counted(self, mesh):
        before = next(w for w in mesh.status()["workloads"] if w["workload"] == "shell")
        kill(before["pids"]["shell"])
        eventually(lambda: next(w for w in mesh.status()["workloads"] if w["workload"] == "shell")["restarts"] == before["restarts"] + 1)
        eventually(lambda: mesh.exec("shell", "echo", "here", check=False) == "here\n")
        after = next(w for w in mesh.status()["workloads"] if w["workload"] == "shell")
        assert (after["name"], after["addresses"]) == (before["name"], before["addresses"])
        assert after["pids"]["envoy"] == before["pids"]["envoy"], "its proxy lives on"

    def test_workloads_come_and_go_and_nobody_else_notices(self, mesh):
        with Load(mesh.port, "/get", HOST) as load:
            for names in (("one", "two", "three"), ("four", "five", "six")):
                mesh.write("more.yaml", "---".join(map(shell, names)))
                eventually(lambda names=names: all(parts(mesh, name).get("envoy") for name in names), 40)
                mesh.remove("more.yaml")
                eventually(lambda names=names: not any(parts(mesh, name) for name in names))
        assert load.failed == []

    def test_a_change_that_comes_while_nobody_listens_arrives_later(self, mesh):
        kill(mesh.pid("istiod", "discovery"))
        text = (mesh.watched / "web.yaml").read_text()
        mesh.write(
            "web.yaml",
            text.replace("{name: web}\nspec:\n  hosts: ['web.example']", "{name: web}\nspec:\n  hosts: [web.example, late.example]"),
        )
        eventually(lambda: mesh.get("/get", "late.example").status_code == 200)
        mesh.write("web.yaml", text)
        eventually(lambda: mesh.get("/get", "late.example").status_code == 404)

    def test_a_certificate_comes_from_the_same_authority_after_the_control_plane_was_killed(self, mesh):
        kill(mesh.pid("istiod", "discovery"))
        mesh.write("second.yaml", shell("second"))
        eventually(lambda: mesh.status_code("second", "http://httpbin:8000/get") == "200", 40, "a new workload is trusted by the old ones")
        mesh.remove("second.yaml")
        eventually(lambda: not parts(mesh, "second"))


# The end


def machine() -> dict[str, object]:
    """Everything of this machine that a mesh might touch, process by process numbers apart."""
    commands = {
        "links": "ip -o link",
        "addresses": "ip -o address",
        "routes": "ip route show table all",
        "routes6": "ip -6 route show table all",
        "rules": "ip rule",
        "iptables": "iptables-save",
        "ip6tables": "ip6tables-save",
    }
    found: dict[str, object] = {}
    for name, command in commands.items():
        said = subprocess.run(command.split(), capture_output=True, text=True, check=False).stdout
        found[name] = re.sub(r"#.*\n|\[\d+:\d+\]|valid_lft \S+|preferred_lft \S+|expires \S+", "", said)
    found["mounts"] = pathlib.Path("/proc/self/mounts").read_text()
    found["forward"] = [
        pathlib.Path(f"/proc/sys/net/{name}").read_text() for name in ("ipv4/ip_forward", "ipv4/ip_unprivileged_port_start")
    ]
    found["named namespaces"] = sorted(map(str, pathlib.Path("/run/netns").glob("*")))
    return found


class Foreground:
    """`ostria up` in a terminal of its own, as its user has it."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.output = mesh.home / "terminal"
        with self.output.open("wb") as terminal:
            command = mesh.command("up", "-f", str(mesh.watched), "--gateway-port", str(mesh.port))
            self.process = subprocess.Popen(
                command,
                env=mesh.environment(),
                cwd=mesh.home,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
            )
        eventually(lambda: "\ntry\n" in self.said, START_SECONDS, "the mesh is up")

    @property
    def said(self) -> str:
        return self.output.read_text()

    def signal(self, number: int) -> None:
        """As the terminal sends it: to everything in the foreground."""
        os.killpg(self.process.pid, number)

    def family(self) -> list[psutil.Process]:
        """Everything that the mesh started, by the kernel's own account."""
        found = psutil.Process(self.process.pid)
        return [found, *found.children(recursive=True)]


@pytest.fixture
def foreground(manifests, tmp_path) -> Iterator[object]:
    running: list[Foreground] = []

    def begin(rootless: bool, extra: str = "") -> Foreground:
        if os.geteuid() != 0 and not rootless:
            pytest.skip("needs root")
        found = [*manifests, *(files(tmp_path, extra=extra) if extra else [])]
        mesh = Mesh(name=f"s{os.getpid()}-{len(running)}", files=found, rootless=rootless and os.geteuid() == 0)
        running.append(Foreground(mesh))
        return running[-1]

    yield begin
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        each.mesh.down()
        each.mesh.clean_up()


STUBBORN = shell("stubborn").replace("[/bin/sleep, infinity]", "[/bin/sh, -c, 'trap : TERM; while :; do sleep 1; done']")


def leftovers(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


class TestTheEnd:
    @MODES
    def test_interrupting_up_ends_it_in_order_and_leaves_nothing(self, foreground, rootless):
        before = machine()
        running = foreground(rootless, STUBBORN)
        processes = running.family()
        assert len(processes) > 10
        assert served(running.mesh)
        assert f"http://localhost:{running.mesh.port}/" in running.said
        began = time.monotonic()
        running.signal(signal.SIGINT)
        assert running.process.wait(20) == 0
        assert time.monotonic() - began < 6, "the longest grace period is 5 s: the control plane's"
        assert "Traceback" not in running.said
        assert leftovers(processes) == []
        assert machine() == before
        assert is_free(running.mesh.port)
        assert sorted(path.name for path in (running.mesh.home / "state/ostria" / running.mesh.name).iterdir()) == [
            "addresses.json",
            "ca",
            "lock",
            "logs",
            "objects",
        ]

    @MODES
    @pytest.mark.parametrize("victim", ["up", "supervisor"])
    def test_killing_it_leaves_nothing_either(self, foreground, rootless, victim):
        before = machine()
        running = foreground(rootless, STUBBORN)
        processes = running.family()
        found = (
            processes[0] if victim == "up" else next(p for p in processes if any("ostria.local.supervisor" in word for word in p.cmdline()))
        )
        runtime = [each.laddr for each in found.net_connections("unix") if str(each.laddr).endswith("control.sock")]
        found.kill()
        assert running.process.wait(10) != 0
        assert victim == "up" or "the mesh's supervisor was ended by signal 9" in running.said
        eventually(lambda: leftovers(processes) == [], 5, "every process is gone")
        assert machine() == before
        assert is_free(running.mesh.port)
        assert not any(os.path.exists(path) for path in runtime)
        running.mesh.up()
        assert served(running.mesh), "and the next one starts as if nothing had happened"
        processes = [psutil.Process(pid) for workload in running.mesh.status()["workloads"] for pid in workload["pids"].values()]
        running.mesh.down()
        assert leftovers(processes) == []
        assert machine() == before

    def test_down_ends_a_mesh_in_the_foreground_too(self, foreground):
        before = machine()
        running = foreground(os.geteuid() != 0)
        processes = running.family()
        running.mesh.run("down")
        assert running.process.wait(10) == 0
        assert leftovers(processes) == []
        assert machine() == before

    def test_a_second_interrupt_does_not_wait(self, foreground):
        patient = STUBBORN.replace("terminationGracePeriodSeconds: 1", "terminationGracePeriodSeconds: 60")
        running = foreground(os.geteuid() != 0, patient)
        processes = running.family()
        running.signal(signal.SIGINT)
        time.sleep(1)
        assert running.process.poll() is None
        running.signal(signal.SIGINT)
        running.process.wait(5)
        eventually(lambda: leftovers(processes) == [], 5)

    def test_a_closed_terminal_ends_it_in_order(self, foreground):
        running = foreground(os.geteuid() != 0)
        processes = running.family()
        running.signal(signal.SIGHUP)
        running.process.wait(10)
        assert leftovers(processes) == []


@pytest.fixture(scope="module")
def both(start, manifests) -> tuple[Mesh, Mesh]:
    first = start(manifests)
    second = start(manifests, alongside=True, rootless=True)
    return first, second


class TestSeveral:
    def test_two_meshes_are_served_side_by_side_and_never_meet(self, both):
        first, second = both
        assert served(first)
        assert served(second)
        addresses = [{w["name"]: w["addresses"] for w in mesh.status()["workloads"]} for mesh in both]
        assert addresses[0] == addresses[1], "even their addresses are the same"
        first.write(
            "only.yaml",
            WEB.replace("httpbin}", "lonely}").replace("{name: httpbin, ", "{name: lonely, ").replace("name: web}", "name: lone}"),
        )
        eventually(lambda: first.status_code("shell", "http://lonely:8000/get") == "200", 30)
        assert second.status_code("shell", "http://lonely:8000/get") in ("000", "503")
        first.remove("only.yaml")

    def test_the_end_of_one_is_not_the_others(self, both):
        first, second = both
        with Load(first.port, "/get", HOST, rate=50) as load:
            second.down()
            time.sleep(1)
        assert load.failed == []
        second.up()
        assert served(second)


def test_a_state_that_is_used_again_gives_the_same_addresses_authority_and_objects(start, manifests):
    mesh = start(manifests)

    def addresses() -> dict[str, list[str]]:
        found = {w["name"]: w["addresses"] for w in mesh.status()["workloads"]}
        found["service"] = [mesh.exec("shell", "getent", "ahostsv4", "httpbin").split()[0]]
        return found

    mesh.run("apply", "-f", "-", text="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept}\ndata: {a: b}\n")
    root = pathlib.Path(mesh.home, "state/ostria", mesh.name, "ca/root-cert.pem").read_text()
    before = addresses()
    mesh.down()
    mesh.write("another.yaml", shell("another"))
    mesh.up()
    after = addresses()
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    assert root == pathlib.Path(mesh.home, "state/ostria", mesh.name, "ca/root-cert.pem").read_text()
    assert "kept" in mesh.run("get", "cm").stdout


def test_the_state_is_its_owners_alone(start, manifests):
    mesh = start(manifests, rootless=True)
    state = mesh.home / "state/ostria" / mesh.name
    assert state.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        assert {path.stat().st_uid for path in (state, *state.rglob("*"))} == {TEST_UID}
    keys = [path for path in (state / "ca").iterdir() if "key" in path.name]
    assert keys
    assert all(path.stat().st_mode & 0o077 == 0 for path in keys)
