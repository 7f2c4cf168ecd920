"""Whole control planes over a folder, in this process: what changes cost, and what a proxy hears that moves between two of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from envoy.service.discovery.v3 import discovery_pb2 as d
from tests.unit.discovery.test_server import Client
from tests.unit.world import service

from ostria.app import ControlPlane, Settings
from ostria.translate.names import CDS, EDS, LDS, RDS, outbound_cluster

_HOST = "reviews.default.svc.cluster.local"
_ASKED: Mapping[str, tuple[str, ...]] = {CDS: (), LDS: (), EDS: (outbound_cluster(80, "", _HOST),), RDS: ("80",)}


def routes(timeout: str) -> str:
    spec = f"hosts: [reviews], http: [{{timeout: {timeout}, route: [{{destination: {{host: reviews}}}}]}}]"
    return f"{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: reviews}}, spec: {{{spec}}}}}\n"


def endpoints(*addresses: str) -> str:
    listed = ", ".join(f"{{addresses: [{address}]}}" for address in addresses)
    metadata = "{name: reviews, labels: {kubernetes.io/service-name: reviews}}"
    return (
        f"{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {metadata}, "
        f"ports: [{{name: http, port: 80}}], endpoints: [{listed}]}}\n"
    )


def put(folder: Path, name: str, text: str) -> None:
    """As an editor saves it: nobody reads half a file."""
    (folder / f".{name}").write_text(text)
    (folder / f".{name}").rename(folder / name)


@asynccontextmanager
async def control_plane(folder: Path, address: str = "127.0.0.1:0") -> AsyncIterator[ControlPlane]:
    settings = Settings(config=(str(folder),), xds_address=address, tls_address="", debug_address="", metrics_address="")
    plane = ControlPlane(settings)
    try:
        await plane.start()
        yield plane
    finally:
        await plane.close()


class Proxy(Client):
    """Asks for everything, as Envoy does; `held` are versions by type and name, kept from one connection to the next."""

    def __init__(self, plane: ControlPlane, held: Mapping[str, Mapping[str, str]] | None = None) -> None:
        super().__init__(plane.server.plaintext_port)
        self.held: dict[str, dict[str, str]] = {each: dict((held or {}).get(each, {})) for each in _ASKED}

    async def connect(self) -> None:
        for type_url, names in _ASKED.items():
            request = d.DeltaDiscoveryRequest(node=self.node, type_url=type_url, resource_names_subscribe=names)
            request.initial_resource_versions.update(self.held[type_url])
            await self.call.write(request)

    async def next(self) -> tuple[str, list[str]]:
        """One response, taken and acknowledged: its type, and what it brought."""
        response = await self.read()
        self.held[response.type_url].update({each.name: each.version for each in response.resources})
        await self.accept(response)
        return response.type_url, [each.name for each in response.resources]

    async def everything(self) -> None:
        while not all(self.held.values()):
            await self.next()


def built(plane: ControlPlane) -> dict[str, float]:
    return {
        sample.labels["type"]: sample.value
        for family in plane.metrics.registry.collect()
        if family.name == "ostria_resources_built"
        for sample in family.samples
    }


async def test_a_proxy_that_moves_to_another_control_plane_is_sent_nothing_that_it_has(tmp_path: Path) -> None:
    put(tmp_path, "services.yaml", service("reviews", ("http", 80)))
    put(tmp_path, "endpoints.yaml", endpoints("10.0.0.2"))
    put(tmp_path, "routes.yaml", routes("1s"))
    async with control_plane(tmp_path) as one, control_plane(tmp_path) as two:
        first = Proxy(one)
        await first.connect()
        await first.everything()
        await first.close()
        second = Proxy(two, first.held)
        await second.connect()
        # The next change shows where the answers to the first questions end.
        put(tmp_path, "routes.yaml", routes("2s"))
        came = [await second.next()]
        while not came[-1][1]:
            came.append(await second.next())
        assert came[-1] == (RDS, ["80"])
        await second.close()


async def test_a_change_builds_what_it_touches_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "services.yaml", service("reviews", ("http", 80)))
    put(tmp_path, "endpoints.yaml", endpoints("10.0.0.2"))
    put(tmp_path, "routes.yaml", routes("1s"))
    async with control_plane(tmp_path) as plane:
        proxy = Proxy(plane)
        await proxy.connect()
        await proxy.everything()
        before = built(plane)
        put(tmp_path, "routes.yaml", routes("2s"))
        while await proxy.next() != (RDS, ["80"]):
            pass
        after = built(plane)
        assert {kind for kind in after if after[kind] != before[kind]} == {"vhds"}, "a route configuration is joined from its virtual hosts"
        put(tmp_path, "endpoints.yaml", endpoints("10.0.0.2", "10.0.0.3"))
        while (await proxy.next())[0] != EDS:
            pass
        assert {kind for kind, count in built(plane).items() if count != after[kind]} == {"eds"}
        await proxy.close()
