"""The web server behind every example, spoken to byte by byte."""

import http.client
import json
import re
import signal
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web import BadRequest, Response, Service, body, json_response
from web.service import Request

from .asking import ask


def make() -> Service:
    service = Service("tested")

    @service.route("*", "/echo")
    def echo(request: Request) -> Response:
        return json_response({"method": request.method, "query": request.query, "body": request.body.decode("latin-1")})

    @service.route("GET", "/stream")
    def stream(_: Request) -> Response:
        return Response(200, iter([b"one ", b"", b"two"]))

    @service.route("GET", "/status/{code}")
    def status(request: Request) -> Response:
        return Response(int(request.params["code"]), "body\n")

    @service.route("GET", "/broken")
    def broken(_: Request) -> Response:
        raise RuntimeError("a handler's mistake")

    @service.route("GET", "/wrong")
    def wrong(_: Request) -> Response:
        raise BadRequest("the caller's mistake")

    @service.route("GET", "/headers")
    def headers(request: Request) -> Response:
        return Response(200, "", {request.query["name"][0]: request.query["value"][0]})

    return service


@pytest.fixture
def port(serve):
    return serve(make())


@pytest.fixture
def client(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    yield connection
    connection.close()


def talk(port: int, data: bytes) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


class TestConnections:
    def test_a_connection_serves_many_requests(self, client):
        client.connect()
        own = client.sock.getsockname()
        for n in range(3):
            client.request("POST", f"/echo?n={n}", body=f"body {n}")
            assert json.loads(client.getresponse().read()) == {"method": "POST", "query": {"n": [str(n)]}, "body": f"body {n}"}
        assert client.sock.getsockname() == own

    def test_requests_may_follow_each_other_without_waiting(self, port):
        get = b"GET /echo?n=%d HTTP/1.1\r\nhost: x\r\n%s\r\n"
        said = talk(port, get % (1, b"") + get % (2, b"connection: close\r\n"))
        assert re.findall(rb'"n": \["(\d)"\]', said) == [b"1", b"2"]

    def test_a_caller_of_http_1_0_gets_a_body_that_ends_with_the_connection(self, port):
        said = talk(port, b"GET /stream HTTP/1.0\r\n\r\n")
        head, _, content = said.partition(b"\r\n\r\n")
        assert content == b"one two"
        assert b"chunked" not in head.lower()

    def test_ipv6_is_served_too(self, port):
        try:
            connection = http.client.HTTPConnection("::1", port, timeout=5)
            connection.connect()
        except OSError:
            pytest.skip("this machine has no IPv6")
        connection.request("GET", "/echo")
        assert connection.getresponse().status == 200
        connection.close()

    def test_a_handlers_mistake_costs_its_own_request_only(self, client, capsys):
        client.request("GET", "/broken")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (500, b"RuntimeError: a handler's mistake\n")
        client.request("GET", "/echo")
        assert client.getresponse().status == 200

    def test_a_caller_that_goes_away_is_not_an_error(self, port, capfd):
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                connection.sendall(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(0.1)
        assert "Traceback" not in capfd.readouterr().err


class TestAnswers:
    def test_an_iterator_is_sent_in_chunks_and_an_empty_chunk_does_not_end_it(self, client):
        client.request("GET", "/stream")
        answer = client.getresponse()
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.read() == b"one two"

    @pytest.mark.parametrize("path", ["/echo", "/stream"])
    def test_head_has_the_headers_and_no_body(self, client, path):
        client.request("HEAD", path)
        answer = client.getresponse()
        assert answer.status == 200
        assert answer.read() == b""
        client.request("GET", "/echo")
        assert client.getresponse().status == 200

    @pytest.mark.parametrize("code", [204, 304])
    def test_some_answers_have_no_body(self, client, code):
        client.request("GET", f"/status/{code}")
        answer = client.getresponse()
        assert (answer.status, answer.read(), answer.headers["content-type"]) == (code, b"", None)
        client.request("GET", "/echo")
        assert client.getresponse().status == 200

    def test_the_server_names_its_service(self, client):
        client.request("GET", "/echo")
        assert client.getresponse().headers["server"] == "tested"

    @pytest.mark.parametrize(
        ("name", "value"),
        [("x-a", "b%0D%0Ax-evil: 1"), ("x-a%0D%0Ax-evil", "1"), ("content-length", "3"), ("Transfer-Encoding", "chunked")],
    )
    def test_a_header_that_the_caller_chose_can_not_break_the_answer(self, client, name, value):
        client.request("GET", f"/headers?name={name}&value={value.replace(' ', '%20')}")
        answer = client.getresponse()
        assert answer.read() == b""
        assert answer.headers["x-evil"] is None
        assert answer.headers["content-length"] == "0"

    def test_the_callers_mistake_is_400(self):
        assert ask(make(), "GET", "/wrong").status == 400

    def test_a_path_that_is_known_by_another_method_is_405_and_any_other_404(self):
        assert ask(make(), "POST", "/stream").status == 405
        assert ask(make(), "GET", "/none").status == 404


class TestBodies:
    def post(self, port: int, headers: bytes, content: bytes) -> bytes:
        return talk(port, b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + headers + b"\r\n\r\n" + content)

    def test_chunks_are_joined_and_trailers_are_read_past(self, port):
        said = self.post(port, b"transfer-encoding: chunked", b"4;ext=1\r\nWiki\r\nB\r\npedia in \r\n\r\n0\r\nx-trailer: 1\r\n\r\n")
        assert b'"body": "Wikipedia in \\r\\n"' in said

    def test_a_body_at_the_limit_is_read(self, client, monkeypatch):
        monkeypatch.setattr(body, "MAX_BODY", 1000)
        client.request("POST", "/echo", body=b"x" * 1000)
        assert client.getresponse().status == 200

    def test_a_body_over_the_limit_is_413_and_the_answer_arrives(self, client, monkeypatch):
        monkeypatch.setattr(body, "MAX_BODY", 1000)
        client.request("POST", "/echo", body=b"x" * 5_000_000)
        assert client.getresponse().status == 413

    def test_chunks_over_the_limit_are_413_before_they_are_read(self, port, monkeypatch):
        monkeypatch.setattr(body, "MAX_BODY", 1000)
        assert b" 413 " in self.post(port, b"transfer-encoding: chunked", b"ffffffffff\r\n")

    @pytest.mark.parametrize(
        ("headers", "content"),
        [
            (b"content-length: many", b""),
            (b"content-length: -1", b""),
            (b"content-length: 1\r\ncontent-length: 2", b"xx"),
            (b"content-length: 4\r\ntransfer-encoding: chunked", b"0\r\n\r\n"),
            (b"transfer-encoding: gzip", b""),
            (b"transfer-encoding: gzip, chunked", b"0\r\n\r\n"),
            (b"transfer-encoding: chunked", b"-1\r\n"),
            (b"transfer-encoding: chunked", b"0x1\r\nx\r\n0\r\n\r\n"),
            (b"transfer-encoding: chunked", b"1\r\nxy\r\n0\r\n\r\n"),
            (b"transfer-encoding: chunked", b"\r\n"),
        ],
    )
    def test_a_body_that_can_be_read_in_two_ways_is_refused(self, port, headers, content):
        assert b" 400 " in self.post(port, headers, content).partition(b"\r\n")[0]

    @given(st.lists(st.binary(min_size=1, max_size=50), max_size=5))
    def test_any_chunks_come_back_as_one_body(self, pieces):
        import io
        from email.message import Message

        headers = Message()
        headers["transfer-encoding"] = "chunked"
        sent = b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\nNEXT"
        stream = io.BytesIO(sent)
        assert body.read(headers, stream) == b"".join(pieces)
        assert stream.read() == b"NEXT"

    def test_a_target_that_is_not_a_url_is_400(self, port):
        assert b" 400 " in talk(port, b"GET http://[x/ HTTP/1.1\r\nhost: x\r\n\r\n").partition(b"\r\n")[0]


class TestTheEnd:
    """httpbin as a process, since only a process gets signals."""

    def start(self, run):
        app = run("httpbin", "0")
        return app, int(app.says().rsplit(" ", 1)[1])

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_an_idle_service_ends_at_once(self, run, within, number):
        app, _ = self.start(run)
        assert app.end(number) == 0
        assert within() < 5

    def test_an_idle_connection_does_not_hold_it(self, run, within):
        app, port = self.start(run)
        with socket.create_connection(("127.0.0.1", port)):
            assert app.end() == 0
        assert within() < 5

    def test_requests_in_flight_are_finished_and_their_connections_closed(self, run):
        app, port = self.start(run)
        answers = []

        def slow():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/delay/1")
            answer = connection.getresponse()
            answers.append((answer.status, json.loads(answer.read())["method"], answer.headers["connection"]))

        callers = [threading.Thread(target=slow) for _ in range(3)]
        for caller in callers:
            caller.start()
        time.sleep(0.4)
        assert app.end() == 0
        for caller in callers:
            caller.join()
        assert answers == [(200, "GET", "close")] * 3

    def test_a_port_that_is_taken_is_said_in_one_line(self, run):
        with socket.socket(socket.AF_INET6) as taken:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            taken.bind(("::", 0))
            taken.listen()
            app = run("httpbin", str(taken.getsockname()[1]))
            assert app.process.wait(10) == 1
