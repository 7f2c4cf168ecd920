"""Names of the mesh: the table as it comes over the wire, how a workload's questions find their answers, and what is left to other resolvers."""

import pytest
from dnslib import QTYPE, RCODE, DNSRecord
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from hypothesis import given
from hypothesis import strategies as st

from ostria.agent import name_table
from ostria.agent.dns import Decision, Resolver, Verdict, failure, fit_udp, matches, resolv_conf
from ostria.agent.name_table import Name, prepare
from ostria.agent.wire import WireError, encode_varint, fields, response_header, text_field, varint
from ostria.translate.names import NDS

TABLE = {
    "reviews.shop.svc.cluster.local": Name(
        addresses=("10.96.0.7", "fd96::7"), registry="Kubernetes", short_name="reviews", namespace="shop"
    ),
    "db-0.db.shop.svc.cluster.local": Name(addresses=("10.44.0.9",), registry="Kubernetes", short_name="db-0.db", namespace="shop"),
    "ratings.other.svc.cluster.local": Name(addresses=("10.96.0.8",), registry="Kubernetes", short_name="ratings", namespace="other"),
    "api.example.com": Name(addresses=("240.240.0.1",), registry="External"),
    "*.wild.example.com": Name(addresses=("240.240.0.2",), registry="External"),
    "*.deep.wild.example.com": Name(addresses=("240.240.0.3",), registry="External"),
}
NAMES = prepare(TABLE, namespace="shop", domain="cluster.local", search=("shop.svc.cluster.local", "svc.cluster.local", "cluster.local"))


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ("reviews", "10.96.0.7"),
        ("reviews.shop", "10.96.0.7"),
        ("reviews.shop.svc", "10.96.0.7"),
        ("Reviews.Shop.svc.Cluster.Local.", "10.96.0.7"),
        ("ratings.other", "10.96.0.8"),
        ("db-0.db", "10.44.0.9"),
        ("api.example.com.", "240.240.0.1"),
        ("api.example.com.shop.svc.cluster.local", "240.240.0.1"),
        ("a.wild.example.com", "240.240.0.2"),
        ("a.b.wild.example.com", "240.240.0.2"),
        ("a.deep.wild.example.com", "240.240.0.3"),
    ],
)
def test_a_workload_finds(query: str, address: str) -> None:
    assert NAMES.lookup(query, 4) == (address,)


@pytest.mark.parametrize("query", ["ratings", "example.com", "wild.example.com", "reviews.nowhere", "", "."])
def test_the_mesh_does_not_know(query: str) -> None:
    assert NAMES.lookup(query, 4) is None


def test_a_name_without_an_address_of_the_family_is_known_and_empty() -> None:
    assert NAMES.lookup("reviews", 6) == ("fd96::7",)
    assert NAMES.lookup("ratings.other", 6) == ()


def _entry(host: str, name: Name) -> bytes:
    info = b"".join(text_field(1, address) for address in name.addresses)
    info += text_field(2, name.registry) + text_field(3, name.short_name) + text_field(4, name.namespace)
    entry = text_field(1, host) + b"\x12" + encode_varint(len(info)) + info
    return b"\x0a" + encode_varint(len(entry)) + entry


def _response(table: dict[str, Name]) -> bytes:
    response = DeltaDiscoveryResponse(type_url=NDS, nonce="n1")
    resource = response.resources.add(name="", version="1").resource
    resource.type_url, resource.value = NDS, b"".join(_entry(host, name) for host, name in table.items())
    return response.SerializeToString()


def test_the_table_comes_whole_over_the_wire() -> None:
    data = _response(TABLE)
    assert name_table.decode(data) == TABLE
    assert response_header(data) == (NDS, "n1")


def test_an_empty_table_is_a_table_and_an_empty_response_is_none() -> None:
    assert name_table.decode(_response({})) == {}
    assert name_table.decode(DeltaDiscoveryResponse(type_url=NDS).SerializeToString()) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    try:
        name_table.decode(data)
        response_header(data)
    except WireError:
        pass


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_numbers_come_back(value: int) -> None:
    assert varint(encode_varint(value), 0) == (value, len(encode_varint(value)))


@given(st.text(max_size=20), st.text(max_size=20), st.lists(st.binary(max_size=50), max_size=5))
def test_headers_are_read_as_protobuf_reads_them(type_url: str, nonce: str, bodies: list[bytes]) -> None:
    response = DeltaDiscoveryResponse(type_url=type_url, nonce=nonce, system_version_info="v")
    for body in bodies:
        response.resources.add(name="x").resource.value = body
    data = response.SerializeToString()
    assert response_header(data) == (type_url, nonce)
    assert len(list(fields(data, (2,)))) == len(bodies)


def _ask(name: str, kind: str = "A", resolver: Resolver | None = None) -> Decision:
    return (resolver or Resolver(names=NAMES)).decide(DNSRecord.question(name, kind).pack())


def test_answers_are_addresses_under_the_name_that_was_asked() -> None:
    reply = DNSRecord.parse(_ask("api.example.com.shop.svc.cluster.local").data)
    assert [(str(rr.rname), rr.rtype, str(rr.rdata)) for rr in reply.rr] == [
        ("api.example.com.shop.svc.cluster.local.", QTYPE.A, "240.240.0.1")
    ]


def test_before_the_first_table_apps_are_told_to_ask_again() -> None:
    reply = DNSRecord.parse(_ask("reviews", resolver=Resolver()).data)
    assert reply.header.rcode == RCODE.SERVFAIL


def test_a_known_name_without_the_family_is_an_empty_success() -> None:
    reply = DNSRecord.parse(_ask("ratings.other", "AAAA").data)
    assert (reply.header.rcode, reply.rr) == (RCODE.NOERROR, [])


@pytest.mark.parametrize(("name", "kind"), [("www.example.com", "A"), ("reviews", "SRV"), ("reviews", "TXT")])
def test_the_rest_is_passed_on(name: str, kind: str) -> None:
    assert _ask(name, kind).verdict is Verdict.FORWARD


@given(st.binary(max_size=64))
def test_no_datagram_breaks_the_resolver(data: bytes) -> None:
    assert Resolver(names=NAMES).decide(data).verdict in Verdict
    failure(data)


def test_answers_take_turns() -> None:
    resolver = Resolver(names=prepare({"a": Name(addresses=("10.0.0.1", "10.0.0.2"))}, namespace="x", domain="y", search=()))
    firsts = {str(DNSRecord.parse(_ask("a", resolver=resolver).data).rr[0].rdata) for _ in range(4)}
    assert firsts == {"10.0.0.1", "10.0.0.2"}


def test_a_long_answer_over_udp_becomes_an_invitation_to_tcp() -> None:
    many = prepare({"a": Name(addresses=tuple(f"10.0.0.{i}" for i in range(60)))}, namespace="x", domain="y", search=())
    query = DNSRecord.question("a").pack()
    answer = Resolver(names=many).decide(query).data
    short = DNSRecord.parse(fit_udp(query, answer))
    assert (short.header.tc, short.rr) == (1, [])


def test_an_answer_to_another_question_is_no_answer() -> None:
    query = DNSRecord.question("a.example")
    assert matches(query.pack(), query.reply().pack())
    assert not matches(query.pack(), DNSRecord.question("a.example").reply().pack())
    assert not matches(query.pack(), query.pack())


def test_resolv_conf_as_kubernetes_writes_it() -> None:
    found = resolv_conf("nameserver 10.96.0.10 # cluster\nsearch a.svc.cluster.local svc.cluster.local\noptions ndots:5\n;x\n")
    assert found.servers == ("10.96.0.10",)
    assert found.search == ("a.svc.cluster.local", "svc.cluster.local")
