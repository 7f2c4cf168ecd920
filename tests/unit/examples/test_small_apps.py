"""helloworld, tcp-echo, the static server and grpc-echo as processes, as `up` starts them."""

import contextlib
import http.client
import re
import signal
import socket

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue


def port_of(app) -> int:
    """From the line that an app prints once it listens."""
    return int(re.findall(r"\d+", app.says())[-1])


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_helloworld_names_its_version_and_replica(run, version):
    app = run("helloworld", version, "0")
    port = port_of(app)
    assert get(port, "/hello") == (200, f"Hello version: {version}, instance: replica-1\n")
    assert get(port, "/health")[0] == 200
    assert app.end() == 0


class TestTcpEcho:
    def ports(self, count):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        numbers = [s.getsockname()[1] for s in sockets]
        for s in sockets:
            s.close()
        return numbers

    def test_each_line_comes_back_behind_the_prefix_on_every_port(self, run):
        ports = self.ports(2)
        app = run("tcp_echo", ",".join(map(str, ports)), "hello")
        assert "tcp-echo listens on ports" in app.says()
        for port in ports:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection, connection.makefile("rb") as lines:
                for word in (b"world\n", b"again\n"):
                    connection.sendall(word)
                    assert lines.readline() == b"hello " + word
        assert app.end() == 0

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_an_open_connection_does_not_hold_it(self, run, number):
        (port,) = self.ports(1)
        app = run("tcp_echo", str(port), "hello")
        app.says()
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            assert app.end(number) == 0

    def test_a_line_without_end_costs_its_connection_only(self, run):
        (port,) = self.ports(1)
        app = run("tcp_echo", str(port), "hello")
        app.says()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            with contextlib.suppress(OSError):  # It may end us before we have said all.
                connection.sendall(b"x" * 200_000)
                connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(10) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"still here\n")
            assert connection.recv(100) == b"hello still here\n"


class TestStatic:
    """The server that stands for nginx."""

    def test_the_welcome_page_shows_who_called(self, run):
        port = port_of(run("static", "0"))
        status, page = get(port, "/", {"x-forwarded-for": "192.0.2.1", "x-evil": "<script>"})
        assert status == 200
        assert "Welcome to nginx!" in page
        assert "192.0.2.1" in page
        assert "<script>" not in page
        assert get(port, "/none")[0] == 404

    def test_a_folder_is_served_and_nothing_above_it(self, run, tmp_path):
        site = tmp_path / "site"
        (site / "below").mkdir(parents=True)
        (site / "index.html").write_text("home")
        (site / "below" / "a page.txt").write_text("below")
        (site / "out").symlink_to(tmp_path)
        (tmp_path / "secret").write_text("secret")
        port = port_of(run("static", "0", str(site)))
        assert get(port, "/") == (200, "home")
        assert get(port, "/below/a%20page.txt") == (200, "below")
        for path in ("/../secret", "/..%2fsecret", "/%2e%2e/secret", "/out/secret", "/below/", "/%00"):
            assert get(port, path)[0] == 404, path


def test_grpc_echo_answers_with_its_replica_and_finishes_calls(run):
    app = run("grpc_echo", "0")
    with grpc.insecure_channel(f"127.0.0.1:{port_of(app)}") as channel:
        call = channel.unary_unary("/echo.Echo/Echo", StringValue.SerializeToString, StringValue.FromString)
        assert call(StringValue(value="hello"), timeout=5).value == "hello from replica-1"
    assert app.end() == 0
