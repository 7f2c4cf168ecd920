"""How a port's protocol is told."""

import pytest

from ostria.registry.model import Protocol
from ostria.registry.protocols import of_entry, of_port


@pytest.mark.parametrize(
    ("number", "name", "app_protocol", "expected"),
    [
        (80, "http", None, Protocol.HTTP),
        (80, "http-web", None, Protocol.HTTP),
        (80, "HTTP-web", None, Protocol.HTTP),
        (80, "http2", None, Protocol.HTTP2),
        (80, "grpc-api", None, Protocol.GRPC),
        (80, "grpc-web", None, Protocol.GRPC_WEB),
        (80, "grpc-web-ui", None, Protocol.GRPC_WEB),
        (443, "https", None, Protocol.HTTPS),
        (443, "tls-x", None, Protocol.TLS),
        (9000, "tcp", None, Protocol.TCP),
        (9000, "mysql", None, Protocol.MYSQL),
        (9000, "httpfoo", None, Protocol.AUTO),
        (9000, "", None, Protocol.AUTO),
        (3306, "", None, Protocol.TCP),
        (25, "smtp", None, Protocol.TCP),
        (27017, "db", None, Protocol.TCP),
        (3306, "http", None, Protocol.HTTP),
        (80, "tcp", "http", Protocol.HTTP),
        (80, "http", "kubernetes.io/h2c", Protocol.HTTP2),
        (80, "http", "kubernetes.io/ws", Protocol.HTTP),
        (80, "http", "example.com/own", Protocol.AUTO),
    ],
)
def test_a_kubernetes_port(number: int, name: str, app_protocol: str | None, expected: Protocol) -> None:
    assert of_port(number, name, app_protocol) is expected


def test_a_udp_port_is_udp_whatever_its_name() -> None:
    assert of_port(53, "http", None, "UDP") is Protocol.UDP


def test_a_service_entry_port_says_its_protocol_or_else_its_name_does() -> None:
    assert of_entry(80, "tcp", "HTTP") is Protocol.HTTP
    assert of_entry(80, "tcp", "grpc-web") is Protocol.GRPC_WEB
    assert of_entry(443, "https-x", None) is Protocol.HTTPS
    assert of_entry(8080, "x", None) is Protocol.AUTO
