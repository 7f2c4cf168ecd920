"""Where connections really go: app and proxy dial from a namespace with the rules applied, and each connection says who answered it."""

import base64
import json
import os
import pickle
import subprocess
import sys

import pytest

from ostria.capture.config import CaptureConfig, Destination

INSIDE = """
import base64, json, os, pickle, socket, subprocess, sys, threading
from contextlib import contextmanager
from ostria.capture.apply import apply
from ostria.capture.rules import rules

POD = "10.44.0.7"
def ip(*words): subprocess.run(["ip", *words], check=True)
ip("link", "set", "lo", "up")
ip("link", "add", "pod", "type", "veth", "peer", "name", "host")
ip("addr", "add", POD + "/24", "dev", "pod")
ip("link", "set", "pod", "up"); ip("link", "set", "host", "up")
ip("route", "add", "default", "via", "10.44.0.1")
ip("neigh", "add", "10.44.0.1", "lladdr", "02:00:00:00:00:01", "dev", "pod")
config = pickle.loads(base64.b64decode(sys.argv[1]))
apply(rules(config))

def listen(name, port):
    server = socket.create_server(("0.0.0.0", port))
    def serve():
        while True:
            peer, _ = server.accept()
            with peer:
                peer.sendall(name.encode())
    threading.Thread(target=serve, daemon=True).start()
for name, port in (("outbound", 15001), ("inbound", 15006), ("app", 8080), ("agent", 15020), ("dns", 15053)):
    listen(name, port)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 15053))
def answer():
    while True:
        _, peer = udp.recvfrom(100)
        udp.sendto(b"dns", peer)
threading.Thread(target=answer, daemon=True).start()

@contextmanager
def dialler(who, kind=socket.SOCK_STREAM):
    by_uid = config.envoy_mark is None
    if who == "proxy" and by_uid:
        os.setegid(1337); os.seteuid(1337)
    try:
        with socket.socket(socket.AF_INET, kind) as found:
            if who == "proxy" and not by_uid:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, config.envoy_mark)
            found.settimeout(0.4)
            yield found
    finally:
        if by_uid:
            os.seteuid(0); os.setegid(0)

def dial(who, host, port, source=""):
    with dialler(who) as tcp:
        try:
            if source:
                tcp.bind((source, 0))
            tcp.connect((host, port))
            return tcp.recv(100).decode()
        except OSError:
            return "nobody"

def ask(who, host):
    with dialler(who, socket.SOCK_DGRAM) as found:
        try:
            found.sendto(b"?", (host, 53))
            return found.recv(100).decode()
        except OSError:
            return "nobody"

print(json.dumps({
    "app to a service": dial("app", "10.96.0.9", 80),
    "proxy to a service": dial("proxy", "10.96.0.9", 80),
    "app to its own address": dial("app", POD, 8080),
    "proxy to the workload by a virtual address": dial("proxy", POD, 8080),
    "proxy's inbound side to the app": dial("proxy", POD, 8080, "127.0.0.6"),
    "app to loopback": dial("app", "127.0.0.1", 8080),
    "proxy to loopback": dial("proxy", "127.0.0.1", 8080),
    "anyone to the control plane": dial("app", "10.44.0.2", 15012),
    "app to the control plane's other port": dial("app", "10.44.0.2", 8080),
    "app to an excluded port": dial("app", "10.96.0.9", 3306),
    "app's question to the resolver": ask("app", "10.96.0.10"),
    "app's question over TCP": dial("app", "10.96.0.10", 53),
    "proxy's question to the resolver": ask("proxy", "10.96.0.10"),
    "app's question to another resolver": ask("app", "192.0.2.53"),
}))
"""

EXPECTED = {
    "app to a service": "outbound",
    "proxy to a service": "nobody",
    "app to its own address": "app",
    "proxy to the workload by a virtual address": "inbound",
    "proxy's inbound side to the app": "app",
    "app to loopback": "app",
    "proxy to loopback": "app",
    "anyone to the control plane": "nobody",
    "app to the control plane's other port": "outbound",
    "app to an excluded port": "nobody",
    "app's question to the resolver": "dns",
    "app's question over TCP": "dns",
    "proxy's question to the resolver": "nobody",
    "app's question to another resolver": "nobody",
}


def _answers(flags: str, **config: object) -> dict[str, str]:
    whole = CaptureConfig(
        ipv6=False,
        exclude_outbound_ports=(3306,),
        exclude_destinations=(Destination("10.44.0.2", 15012),),
        dns_servers=("10.96.0.10",),
        **config,  # type: ignore[arg-type] # one of the two ways of telling the proxy
    )
    argv = ["unshare", flags, sys.executable, "-c", INSIDE, base64.b64encode(pickle.dumps(whole)).decode()]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_told_by_user_every_connection_goes_where_it_should() -> None:
    assert _answers("-n") == EXPECTED


@pytest.mark.rootless
def test_told_by_mark_every_connection_goes_where_it_should() -> None:
    if subprocess.run(["unshare", "-Urn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no unprivileged user namespaces here")
    assert _answers("-Urn", envoy_uid=None, envoy_gid=None, envoy_mark=1337) == EXPECTED
