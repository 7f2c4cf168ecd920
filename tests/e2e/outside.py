"""A piece of the world for meshes to reach, made by the test: a network namespace behind this machine, with web, TLS and name servers in it.

Its addresses are from the ranges that are kept for examples. Nothing else on the machine is touched, and everything goes with the processes.
"""

import contextlib
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_numbers = itertools.count(1)

SERVERS = """
import http.server, socket, socketserver, ssl, sys, threading

ADDRESS4, ADDRESS6, CERTIFICATE = sys.argv[1:]


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{self.server.kind} called by {self.client_address[0]} for {self.headers['host']}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    kind = "web"


class Names(socketserver.DatagramRequestHandler):
    def handle(self):
        query = self.rfile.read()
        length = query.index(b"\\0", 12) + 5
        name = query[12 : length - 4]
        kind = int.from_bytes(query[length - 4 : length - 2])
        known = b"\\x07outside\\x07example\\0" == name.lower() or b"\\x05other\\x07example\\0" == name.lower()
        family = {1: (socket.AF_INET, ADDRESS4), 28: (socket.AF_INET6, ADDRESS6)}.get(kind)
        data = socket.inet_pton(*family) if known and family else b""
        answer = b"\\xc0\\x0c" + query[length - 4 : length] + (60).to_bytes(4) + len(data).to_bytes(2) + data if data else b""
        flags = b"\\x81\\x80" if known else b"\\x81\\x83"
        self.wfile.write(query[:2] + flags + b"\\0\\1" + bytes([0, 1 if data else 0]) + b"\\0\\0\\0\\0" + query[12:length] + answer)


class NameServer(socketserver.ThreadingUDPServer):
    address_family = socket.AF_INET


def main():
    web, secure = Server(("::", 80), Web), Server(("::", 443), Web)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    secure.socket, secure.kind = context.wrap_socket(secure.socket, server_side=True), "tls"
    for server in (secure, NameServer((ADDRESS4, 53), Names)):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    web.serve_forever()


main()
"""


@dataclass(frozen=True)
class Outside:
    """`address` serves HTTP on 80, TLS on 443 and, as a name server, `outside.example` and `other.example`; `here` is this machine, seen from there."""

    address: str
    address6: str
    here: str
    here6: str
    pid: int
    prefix: tuple[str, ...]
    """In front of a command: it asks that name server, as if this machine were configured so."""

    def get(self, url: str, headers: Mapping[str, str]) -> str:
        """Status line, headers and body, asked for from out there."""
        said = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
        curl = ["nsenter", "--net", "--target", str(self.pid), "--", "curl", "-sS", "-i", "-m", "10", *said, url]
        done = subprocess.run(curl, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _certificate(*names: str) -> bytes:
    """For these names, by nobody in particular, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    )
    signed = made.add_extension(x509.SubjectAlternativeName(map(x509.DNSName, names)), critical=False).sign(key, hashes.SHA256())
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return signed.public_bytes(Encoding.PEM) + plain


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


@contextlib.contextmanager
def outside() -> Iterator[Outside]:
    number = next(_numbers)
    link = f"ot{os.getpid() % 100000}-{number}"
    here, there = f"198.51.100.{4 * number + 1}", f"198.51.100.{4 * number + 2}"
    here6, there6 = f"2001:db8:{number}::1", f"2001:db8:{number}::2"
    temporary = tempfile.TemporaryDirectory(prefix="ostria-outside-")
    folder = pathlib.Path(temporary.name)
    holders: list[subprocess.Popen[str]] = []
    try:
        certificate = folder / "outside.pem"
        certificate.write_bytes(_certificate("outside.example", "other.example"))
        (folder / "resolv.conf").write_text(f"nameserver {there}\n")
        script = 'mount --make-rprivate / && mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && echo ready && exec sleep 3600'
        holders.append(_started("unshare", "--mount", "sh", "-c", script, "sh", str(folder / "resolv.conf")))
        holders.append(_started("unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec sleep 3600"))
        names, net = (holder.pid for holder in holders)
        _run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(net))
        for command in (f"address add {here}/30 dev {link}", f"address add {here6}/126 dev {link} nodad", f"link set {link} up"):
            _run("ip", *command.split())
        inside = ["nsenter", "--net", "--target", str(net), "--"]
        for command in (f"address add {there}/30 dev eth0", f"address add {there6}/126 dev eth0 nodad", "link set eth0 up"):
            _run(*inside, "ip", *command.split())
        holders.append(_started(*inside, sys.executable, "-c", SERVERS, there, there6, str(certificate)))
        yield Outside(there, there6, here, here6, net, ("nsenter", "--mount", "--target", str(names), "--"))
    finally:
        subprocess.run(["ip", "link", "del", link], capture_output=True, check=False)
        for holder in reversed(holders):
            holder.kill()
            holder.wait()
        temporary.cleanup()


def _started(*command: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        process.kill()
        raise AssertionError(f"{command[:4]} does not start")
    return process
