"""Debug pages over HTTP: shapes that Istio's tools read, who may look, what a browser or a bad client can't do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import discovery_pb2 as d
from envoy.service.status.v3 import csds_pb2
from joserfc.jwk import KeySet
from tests.unit.discovery.test_server import METHOD, Client, FakeWorld
from tests.unit.discovery.worlds import contents

from ostria.config.store import Store
from ostria.discovery.debug.http import HttpServer
from ostria.discovery.debug.inspection import Inspection
from ostria.discovery.debug.monitoring import Monitoring
from ostria.discovery.debug.pages import MESH_PAGES, DebugPages
from ostria.discovery.debug.xds import DebugRequests
from ostria.discovery.metrics import Metrics
from ostria.discovery.server.discovery_server import DiscoveryServer
from ostria.discovery.server.thread import WorldThread
from ostria.identity.token_authenticator import TokenAuthenticator
from ostria.identity.tokens import TokenIssuer, TokenSubject
from ostria.snapshot.snapshots import Snapshots
from ostria.translate.names import CDS, RDS, SDS, VHDS
from ostria.translate.prepared import prepare

CLUSTER = prepare("a", cluster_pb2.Cluster(name="a"), ())
SECRET = secret_pb2.Secret(name="kubernetes://s")
SECRET.tls_certificate.private_key.inline_bytes = b"very private"


class Serving:
    def __init__(self) -> None:
        self.issuer = TokenIssuer()
        keys = KeySet.import_key_set(json.loads(self.issuer.jwks()))
        self.authenticator = TokenAuthenticator(lambda: keys, lambda: "cluster.local")
        self.thread, self.store = WorldThread(), Store()
        snapshot = Snapshots().advance(self.store, ())
        world = FakeWorld("7", {CDS: contents(CDS, CLUSTER), SDS: contents(SDS, prepare("kubernetes://s", SECRET, ()))})
        metrics = Metrics("test")
        requests = DebugRequests(self.connections, lambda: "istio-system")
        self.server = DiscoveryServer(world, self.thread, metrics, plaintext="127.0.0.1:0", secure=None, debug=requests)
        inspection = Inspection(
            snapshot=lambda: snapshot,
            store=self.store,
            problems=tuple,
            failures=tuple,
            connections=self.connections,
            builds=dict,
            pushes=self.server.pusher.pushes,
        )
        pages = DebugPages(inspection=inspection, thread=self.thread, authenticator=self.authenticator, ready=lambda: True, version="1.2.3")
        self.pages = HttpServer("127.0.0.1:0", pages)
        monitoring = Monitoring(metrics=metrics, version="1", ready=lambda: True, connections=self.connections, authority=None, began=0.0)
        self.monitoring = HttpServer("127.0.0.1:0", monitoring)

    def connections(self) -> tuple:  # type: ignore[type-arg]
        return tuple(self.server.pusher.connections.values())

    def bearer(self, namespace: str) -> dict[str, str]:
        subject = TokenSubject(namespace=namespace, service_account="x", pod="x")
        return {"authorization": f"Bearer {self.issuer.issue(subject, time.time())}"}


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Serving, httpx.AsyncClient]]:
    found = Serving()
    for each in (found.server, found.pages, found.monitoring):
        await each.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{found.pages.port}", trust_env=False) as client:
            yield found, client
    finally:
        for each in (found.pages, found.monitoring):
            await each.stop()
        await found.server.stop(0)
        found.thread.close()


async def synced(http: httpx.AsyncClient, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The only proxy's row of syncz, once it is so."""
    async with asyncio.timeout(5):
        while True:
            (status,) = (await http.get("/debug/syncz")).json()
            if holds(status):
                return status


async def test_every_page_of_the_index_is_json() -> None:
    async with serving() as (_, http):
        index = (await http.get("/debug")).text
        for page in MESH_PAGES:
            assert f"/debug/{page}" in index
            answer = await http.get(f"/debug/{page}")
            assert answer.status_code == 200, page
            answer.json()
        assert (await http.get("/debug/inject")).status_code == 404
        assert (await http.get("/debug/nothing")).status_code == 404
        assert (await http.get("/ready")).status_code == 200
        assert (await http.get("/version")).text == "1.2.3\n"


async def test_sync_status_follows_an_acknowledgement_and_a_refusal() -> None:
    async with serving() as (found, http):
        client = Client(found.server.plaintext_port)
        await client.ask(CDS)
        response = await client.read()
        (status,) = (await http.get("/debug/syncz")).json()
        assert status["proxy"] == "sleep.default"
        assert (status["cluster_sent"], status.get("cluster_acked")) == (response.nonce, None)
        await client.accept(response)
        status = await synced(http, lambda status: status.get("cluster_acked") == response.nonce)
        assert status["cluster_sent"] == response.nonce
        bad = prepare("a", cluster_pb2.Cluster(name="a", alt_stat_name="bad"), ())
        found.server.pusher.push(FakeWorld("8", {CDS: contents(CDS, bad)}), time.monotonic())
        response = await client.read()
        refusal = d.DeltaDiscoveryRequest(type_url=CDS, response_nonce=response.nonce)
        refusal.error_detail.message = "Error adding/updating cluster(s) a: bad"
        await client.call.write(refusal)
        status = await synced(http, lambda status: bool(status.get("rejected")))
        assert status["rejected"] == [{"type": "cds", "resource": "a", "message": "Error adding/updating cluster(s) a: bad", "origins": []}]
        assert (await http.get("/debug/problems")).json()["refused"][0]["resource"] == "a"
        metrics = (await httpx.AsyncClient(trust_env=False).get(f"http://127.0.0.1:{found.monitoring.port}/metrics")).text
        assert 'pilot_total_xds_rejects_total{type="cds"} 1.0' in metrics
        assert "pilot_xds_cds_reject 1.0" in metrics
        progress = ("ostria_proxies_settled 0.0", "ostria_push_queue_length 0.0", "ostria_responses_waiting 0.0")
        assert all(line in metrics for line in progress), "it refused what it should hold"
        await client.close()


async def test_a_config_dump_shows_what_the_proxy_was_given() -> None:
    async with serving() as (found, http):
        client = Client(found.server.plaintext_port)
        await client.ask(CDS)
        await client.read()
        dump = (await http.get("/debug/config_dump", params={"proxyID": "sleep.default"})).json()
        assert dump["configs"][0]["dynamicActiveClusters"][0]["cluster"]["name"] == "a"
        assert (await http.get("/debug/config_dump")).status_code == 400
        assert (await http.get("/debug/config_dump", params={"proxyID": "nobody.default"})).status_code == 404
        await client.close()


async def test_virtual_hosts_that_came_one_by_one_stand_in_their_configuration() -> None:
    shell = route_pb2.RouteConfiguration(name="80", virtual_hosts=[route_components_pb2.VirtualHost(name="all", domains=["*"])])
    host = route_components_pb2.VirtualHost(name="80/reviews", domains=["reviews"])
    async with serving() as (found, http):
        routes = contents(RDS, prepare("80", shell, (), ((VHDS, "80"),)))
        found.server.pusher.push(FakeWorld("8", {RDS: routes, VHDS: contents(VHDS, prepare("80/reviews", host, ()))}), time.monotonic())
        client = Client(found.server.plaintext_port)
        await client.ask(RDS, "80")
        await client.accept(await client.read())
        await client.ask(VHDS)
        await synced(http, lambda status: status["route_sent"] != status.get("route_acked"))  # The host may be on its way.
        response = await client.read()
        (status,) = (await http.get("/debug/syncz")).json()
        assert status["route_sent"] != status["route_acked"], "the configuration is there, its host is not"
        await client.accept(response)
        await synced(http, lambda status: status["route_sent"] == status["route_acked"])
        dump = (await http.get("/debug/config_dump", params={"proxyID": "sleep.default"})).json()
        (config,) = next(part["dynamicRouteConfigs"] for part in dump["configs"] if "dynamicRouteConfigs" in part)
        assert [each["name"] for each in config["routeConfig"]["virtualHosts"]] == ["all", "80/reviews"]
        await client.close()


async def test_private_keys_are_not_shown() -> None:
    async with serving() as (found, http):
        client = Client(found.server.plaintext_port)
        await client.ask(SDS, "kubernetes://s")
        await client.read()
        connection = found.connections()[0]
        connection.stream.subscription(SDS).current = found.server.pusher.world.contents(connection.proxy, (SDS,))[SDS]
        dump = (await http.get("/debug/config_dump", params={"proxyID": "sleep.default"})).text
        assert "kubernetes://s" in dump
        assert "dmVyeSBwcml2YXRl" not in dump
        await client.close()


async def test_other_namespaces_see_their_own_proxies_only() -> None:
    async with serving() as (found, http):
        client = Client(found.server.plaintext_port)
        await client.ask(CDS)
        await client.read()
        dump = {"proxyID": "sleep.default"}
        assert (await http.get("/debug/syncz", headers=found.bearer("istio-system"))).status_code == 200
        assert (await http.get("/debug/syncz", headers=found.bearer("default"))).status_code == 403
        assert (await http.get("/debug/config_dump", params=dump, headers=found.bearer("default"))).status_code == 200
        assert (await http.get("/debug/config_dump", params=dump, headers=found.bearer("other"))).status_code == 403
        assert (await http.get("/debug/syncz", headers={"authorization": "Bearer a.b.c"})).status_code == 401
        await client.close()


async def test_a_web_page_cannot_reach_the_debug_pages_by_a_name_of_its_own() -> None:
    async with serving() as (_, http):
        assert (await http.get("/debug/syncz", headers={"host": "evil.example:8080"})).status_code == 401
        assert (await http.get("/debug/syncz", headers={"host": "localhost:8080"})).status_code == 200


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000, b"GET " + b"a" * 100_000, b""])
async def test_garbage_costs_its_own_connection_only(garbage: bytes) -> None:
    async with serving() as (found, http):
        reader, writer = await asyncio.open_connection("127.0.0.1", found.pages.port)
        writer.write(garbage)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert (await http.get("/ready")).status_code == 200


async def test_istioctl_asks_over_xds() -> None:
    async with serving() as (found, http):
        client = Client(found.server.plaintext_port)
        await client.ask(CDS)
        await client.accept(await client.read())
        await synced(http, lambda status: status.get("cluster_acked") == status["cluster_sent"])
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{found.server.plaintext_port}")
        call = channel.stream_stream(METHOD + "StreamAggregatedResources")()
        await call.write(d.DiscoveryRequest(type_url="istio.io/debug/syncz").SerializeToString())
        (packed,) = d.DiscoveryResponse.FromString(await asyncio.wait_for(call.read(), 5)).resources
        config = csds_pb2.ClientConfig()
        assert packed.Unpack(config)
        states = {each.type_url: each.config_status for each in config.generic_xds_configs}
        assert states[CDS] == csds_pb2.SYNCED
        await call.write(d.DiscoveryRequest(type_url="istio.io/debug/config_dump", resource_names=["sleep.default"]).SerializeToString())
        (packed,) = d.DiscoveryResponse.FromString(await asyncio.wait_for(call.read(), 5)).resources
        assert json.loads(packed.value)["configs"]
        await channel.close()
        await client.close()
