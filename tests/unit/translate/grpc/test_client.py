"""A real gRPC client dials `xds:///echo.default.svc.cluster.local:PORT` with what the translator makes, and reaches the server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.any_pb2 import Any as Packed
from tests.unit.world import Village, pod, service

from ostria.snapshot.view import Generator
from ostria.translate import consistency
from ostria.translate.names import CDS, EDS, LDS, RDS
from ostria.translate.prepared import ResourceSet
from ostria.translate.translator import Translator

_CLIENT = """
import sys, grpc
with grpc.insecure_channel(sys.argv[1]) as channel:
    call = channel.unary_unary("/echo.Echo/Say", request_serializer=bytes, response_deserializer=bytes)
    print(call(b"hello", timeout=20, wait_for_ready=True).decode())
"""


def served(handler: grpc.GenericRpcHandler) -> tuple[grpc.Server, int]:
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def echo() -> grpc.GenericRpcHandler:
    say = grpc.unary_unary_rpc_method_handler(lambda request, _: b"you said " + request)
    return grpc.method_handlers_generic_handler("echo.Echo", {"Say": say})


def discovery(sets: dict[str, ResourceSet]) -> grpc.GenericRpcHandler:
    """State of the world, without changes: what is asked for by name is answered once."""

    def stream(requests: Iterator[DiscoveryRequest], _: Any) -> Iterator[DiscoveryResponse]:
        for request in requests:
            assert not request.HasField("error_detail"), request.error_detail
            if request.response_nonce and list(request.resource_names) == known.get(request.type_url):
                continue
            known[request.type_url] = list(request.resource_names)
            found = [p for name in request.resource_names if (p := sets[request.type_url].get(name)) is not None]
            packed = [Packed(type_url=request.type_url, value=p.body) for p in found]
            yield DiscoveryResponse(version_info="1", nonce=f"{len(known)}-{len(packed)}", type_url=request.type_url, resources=packed)

    known: dict[str, list[str]] = {}
    handler = grpc.stream_stream_rpc_method_handler(stream, DiscoveryRequest.FromString, DiscoveryResponse.SerializeToString)
    return grpc.method_handlers_generic_handler(
        "envoy.service.discovery.v3.AggregatedDiscoveryService", {"StreamAggregatedResources": handler}
    )


@pytest.fixture
def app() -> Iterator[int]:
    server, port = served(echo())
    yield port
    server.stop(None)


@pytest.mark.parametrize("host", ["echo.default.svc.cluster.local", "echo.default", "echo"])
def test_a_client_reaches_the_service_it_dials(app: int, host: str, tmp_path: Path) -> None:
    village = Village(service("echo", ("grpc", app), ip="10.96.0.9") + pod("echo-1", "127.0.0.1") + pod("client", "10.0.0.1"))
    proxy = village.proxy("client", addresses=("10.0.0.1",), generator=Generator.GRPC)
    translator = Translator()
    sets = {kind: translator.resources(village.snapshot, proxy, kind) for kind in (CDS, EDS, LDS, RDS)}
    assert list(consistency.problems(sets.values())) == []
    control_plane, port = served(discovery(sets))
    bootstrap = {
        "xds_servers": [{"server_uri": f"127.0.0.1:{port}", "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
        "node": {"id": "sidecar~10.0.0.1~client.default~default.svc.cluster.local"},
    }
    (tmp_path / "bootstrap.json").write_text(json.dumps(bootstrap))
    environment = {**os.environ, "GRPC_XDS_BOOTSTRAP": str(tmp_path / "bootstrap.json")}
    command = [sys.executable, "-c", _CLIENT, f"xds:///{host}:{app}"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=40, check=False)
    control_plane.stop(None)
    assert run.stdout.strip() == "you said hello", run.stderr
