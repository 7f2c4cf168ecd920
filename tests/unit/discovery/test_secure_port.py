"""The TLS port: tokens decide who a proxy is, certificates are issued to callers, secrets only to their namespace."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2 as d
from joserfc.jwk import KeySet
from tests.unit.discovery.test_server import METHOD, FakeWorld
from tests.unit.discovery.worlds import cluster, contents, resource

from ostria.discovery.metrics import Metrics
from ostria.discovery.server.discovery_server import DiscoveryServer, Secure
from ostria.discovery.server.secrets import allowed
from ostria.discovery.server.thread import WorldThread
from ostria.identity import messages
from ostria.identity.authority import Authority, new_key, pem, self_signed
from ostria.identity.caller import Caller
from ostria.identity.spiffe import SpiffeId
from ostria.identity.token_authenticator import TokenAuthenticator
from ostria.identity.tokens import TokenIssuer, TokenSubject
from ostria.translate.names import CDS, SDS

SLEEP = TokenSubject(namespace="default", service_account="sleep", pod="sleep-1")
WORLD = FakeWorld(
    "1", {CDS: contents(CDS, cluster("a")), SDS: contents(SDS, resource("kubernetes://mine", 1), resource("kubernetes://other/theirs", 1))}
)


class Mesh:
    """A control plane with its authority and the issuer of its tokens."""

    def __init__(self) -> None:
        self.issuer = TokenIssuer()
        self.authority = self_signed(new_key(), "cluster.local", time.time())
        self.thread = WorldThread()
        keys = KeySet.import_key_set(json.loads(self.issuer.jwks()))
        secure = Secure(
            address="127.0.0.1:0", authority=self.current, authenticator=TokenAuthenticator(lambda: keys, lambda: "cluster.local")
        )
        self.server = DiscoveryServer(WORLD, self.thread, Metrics("test"), plaintext="", secure=secure, debug=lambda *_: None)

    def current(self) -> Authority:
        return self.authority

    def channel(self) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(pem(self.authority.certificate).encode())
        options = (("grpc.ssl_target_name_override", "istiod.istio-system.svc"), ("grpc.use_local_subchannel_pool", 1))
        return grpc.aio.secure_channel(f"127.0.0.1:{self.server.secure_port}", credentials, options=options)

    def bearer(self, subject: TokenSubject = SLEEP) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.issuer.issue(subject, time.time())}"),)


@asynccontextmanager
async def running() -> AsyncIterator[Mesh]:
    mesh = Mesh()
    await mesh.server.start()
    try:
        yield mesh
    finally:
        await mesh.server.stop(0)
        mesh.thread.close()


def csr() -> str:
    return x509.CertificateSigningRequestBuilder(x509.Name([])).sign(new_key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


async def test_a_workload_gets_a_certificate_for_its_own_identity() -> None:
    async with running() as mesh, mesh.channel() as channel:
        create = channel.unary_unary(messages.METHOD)
        raw = await create(messages.encode_request(messages.CertificateRequest(csr=csr())), metadata=mesh.bearer())
        leaf = x509.load_pem_x509_certificate(messages.decode_response(raw)[0].encode())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://cluster.local/ns/default/sa/sleep"]


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer x.y.z"),), (("authorization", "Basic abc"),)])
async def test_nobody_gets_nothing_and_learns_nothing(metadata: tuple[tuple[str, str], ...]) -> None:
    async with running() as mesh, mesh.channel() as channel:
        for call in (
            channel.unary_unary(messages.METHOD)(messages.encode_request(messages.CertificateRequest(csr=csr())), metadata=metadata),
            channel.stream_stream(METHOD + "DeltaAggregatedResources")(metadata=metadata),
        ):
            assert (await asyncio.wait_for(call.code(), 5), await call.details()) == (
                grpc.StatusCode.UNAUTHENTICATED,
                "authentication failure",
            )


async def test_a_bad_request_is_refused_without_a_reason() -> None:
    async with running() as mesh, mesh.channel() as channel:
        for raw in (
            b"\xff\xff",
            messages.encode_request(messages.CertificateRequest(csr="no")),
            messages.encode_request(messages.CertificateRequest(csr=csr(), validity=10**9)),
        ):
            call = channel.unary_unary(messages.METHOD)(raw, metadata=mesh.bearer())
            assert (await call.code(), await call.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "the certificate request is refused")


def hello(name: str = "sleep-1", namespace: str = "default", *, type_url: str = CDS, names: tuple[str, ...] = (), **metadata: str) -> bytes:
    node = base_pb2.Node(id=f"sidecar~10.0.0.1~{name}.{namespace}~{namespace}.svc.cluster.local")
    node.metadata.update(metadata)
    return d.DeltaDiscoveryRequest(node=node, type_url=type_url, resource_names_subscribe=names).SerializeToString()


@pytest.mark.parametrize(
    "claim",
    [hello(namespace="kube-system"), hello(name="other-1"), hello(NAMESPACE="istio-system"), hello(SERVICE_ACCOUNT="admin")],
)
async def test_a_node_that_claims_to_be_another_is_refused(claim: bytes) -> None:
    async with running() as mesh, mesh.channel() as channel:
        call = channel.stream_stream(METHOD + "DeltaAggregatedResources")(metadata=mesh.bearer())
        await call.write(claim)
        assert await asyncio.wait_for(call.code(), 5) == grpc.StatusCode.PERMISSION_DENIED


async def test_a_proxy_gets_its_namespaces_secrets_only() -> None:
    async with running() as mesh, mesh.channel() as channel:
        call = channel.stream_stream(METHOD + "DeltaAggregatedResources")(metadata=mesh.bearer())
        await call.write(hello(type_url=SDS, names=("kubernetes://mine", "kubernetes://other/theirs")))
        response = d.DeltaDiscoveryResponse.FromString(await asyncio.wait_for(call.read(), 5))
        assert [each.name for each in response.resources] == ["kubernetes://mine"]
        assert list(response.removed_resources) == ["kubernetes://other/theirs"]
        call.cancel()


def test_who_may_have_which_secret() -> None:
    gateway = Caller(identity=SpiffeId("cluster.local", "istio-system", "gateway"))
    for name in ("kubernetes://tls", "kubernetes://tls-cacert", "kubernetes://istio-system/tls", "kubernetes-gateway://istio-system/tls"):
        assert allowed(name, gateway)
        assert not allowed(name, None)
    for name in ("kubernetes://other/tls", "kubernetes-gateway://other/tls", "kubernetes-gateway://tls", "default", "file:/etc/shadow", ""):
        assert not allowed(name, gateway)


async def test_a_new_authority_is_used_for_new_connections() -> None:
    async with running() as mesh:
        async with mesh.channel() as channel:
            await channel.unary_unary(messages.METHOD)(
                messages.encode_request(messages.CertificateRequest(csr=csr())), metadata=mesh.bearer()
            )
        mesh.authority = self_signed(new_key(), "cluster.local", time.time())
        async with mesh.channel() as channel:
            raw = await channel.unary_unary(messages.METHOD)(
                messages.encode_request(messages.CertificateRequest(csr=csr())), metadata=mesh.bearer(), timeout=5
            )
            assert messages.decode_response(raw)[-1] == pem(mesh.authority.certificate)
