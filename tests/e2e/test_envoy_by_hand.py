"""The reference walkthrough, step A: Envoy without a mesh, from a file, with a second file laid over it."""

import contextlib
import http.server
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.e2e.mesh import OSTRIA, SAMPLES, eventually, free_port

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="Istio's samples are not beside this checkout (../shared/samples)")


@pytest.fixture
def site(tmp_path):
    """The port of an HTTPS server on loopback, in place of the site that the sample names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1)).sign(key, hashes.SHA256())
    pem = tmp_path / "site.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


class _Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "9")
        self.end_headers()
        self.wfile.write(b"the site\n")

    def log_message(self, *_):
        """Silent."""


@contextlib.contextmanager
def envoy(*arguments: str):
    process = subprocess.Popen([OSTRIA, "envoy", "--disable-hot-restart", *arguments], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def test_the_bundled_envoy_tells_its_version():
    assert "/1.40" in subprocess.run([OSTRIA, "envoy", "--version"], capture_output=True, text=True, check=True).stdout


def test_envoy_forwards_to_a_site_and_a_second_file_opens_its_admin_page(site, tmp_path):
    port, admin = free_port(), free_port()
    text = (SAMPLES / "walkthrough/envoy-demo.yaml").read_text()
    config = tmp_path / "envoy-demo.yaml"
    config.write_text(text.replace("10000", str(port)).replace("www.envoyproxy.io, port_value: 443", f"localhost, port_value: {site}"))
    override = (SAMPLES / "walkthrough/envoy-override.yaml").read_text().replace("0.0.0.0", "127.0.0.1").replace("9902", str(admin))
    with envoy("-c", str(config), "--config-yaml", override):
        eventually(lambda: httpx.get(f"http://127.0.0.1:{port}/", timeout=5).text == "the site\n", what="the site through Envoy")
        assert "service_envoyproxy_io::" in httpx.get(f"http://127.0.0.1:{admin}/clusters", timeout=5).text
