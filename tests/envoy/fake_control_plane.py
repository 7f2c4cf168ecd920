"""A control plane of fifty lines: one certificate authority, one listener and one cluster, over real gRPC and TLS. It remembers what it was told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message

from ostria.identity.messages import decode_request, encode_response

HOST = "istiod.istio-system.svc"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])


@dataclass(slots=True)
class FakeAuthority:
    """Signs whatever key asks, as `identity`, for `life`."""

    identity: str = "spiffe://cluster.local/ns/default/sa/default"
    life: timedelta = timedelta(hours=1)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    issued: int = 0
    root: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            _name("root"), _name("root"), self.key.public_key(), 1, now - timedelta(minutes=2), now + timedelta(days=1)
        )
        self.root = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(self.key, hashes.SHA256())

    @property
    def root_pem(self) -> str:
        return self.root.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, public_key: Any, name: x509.GeneralName) -> str:
        self.issued += 1
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            self.root.subject, _name("leaf"), public_key, 1 + self.issued, now - timedelta(minutes=2), now + self.life
        ).add_extension(x509.SubjectAlternativeName([name]), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def chain(self, csr: str) -> tuple[str, ...]:
        request = x509.load_pem_x509_csr(csr.encode())
        return self.sign(request.public_key(), x509.UniformResourceIdentifier(self.identity)), self.root_pem

    def server_credentials(self) -> grpc.ServerCredentials:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return grpc.ssl_server_credentials([(pem, self.sign(key.public_key(), x509.DNSName(HOST)).encode())])


@dataclass(slots=True)
class FakeControlPlane:
    """`resources`: type URL → messages by name, answered to the first request of a type on each stream."""

    authority: FakeAuthority = field(default_factory=FakeAuthority)
    resources: dict[str, dict[str, Message]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    requests: list[DeltaDiscoveryRequest] = field(default_factory=list)
    streams: int = 0
    port: int = 0
    _server: Any = None

    async def start(self, port: int = 0) -> None:
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        ads = {"DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(self._delta, DeltaDiscoveryRequest.FromString)}
        certificates = {"CreateCertificate": grpc.unary_unary_rpc_method_handler(self._certificate)}
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler("envoy.service.discovery.v3.AggregatedDiscoveryService", ads),
                grpc.method_handlers_generic_handler("istio.v1.auth.IstioCertificateService", certificates),
            )
        )
        self.port = self._server.add_secure_port(f"127.0.0.1:{port}", self.authority.server_credentials())
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(0)

    async def _certificate(self, request: bytes, context: Any) -> bytes:
        self.tokens.append(dict(context.invocation_metadata()).get("authorization", ""))
        return encode_response(self.authority.chain(decode_request(request).csr))

    async def _delta(self, requests: AsyncIterator[DeltaDiscoveryRequest], _context: Any) -> AsyncIterator[bytes]:
        self.streams += 1
        asked: set[str] = set()
        async for request in requests:
            self.requests.append(request)
            if request.type_url in asked:
                continue
            asked.add(request.type_url)
            response = DeltaDiscoveryResponse(type_url=request.type_url, nonce=f"{self.streams}.{len(asked)}")
            for name, message in self.resources.get(request.type_url, {}).items():
                packed = Packed()
                packed.Pack(message)
                response.resources.add(name=name, version="1").resource.CopyFrom(packed)
            yield response.SerializeToString()

    def rejections(self) -> list[str]:
        return [request.error_detail.message for request in self.requests if request.error_detail.message]

    async def heard(self, type_url: str, streams: int, timeout: float = 20.0) -> None:
        """Wait until stream number `streams` has been opened and `type_url` was asked for."""
        async with asyncio.timeout(timeout):
            while self.streams < streams or not any(request.type_url == type_url for request in self.requests):
                await asyncio.sleep(0.02)
