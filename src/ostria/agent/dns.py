"""What the agent's resolver answers: hosts of the mesh from the name table, everything else from the resolvers that the workload had before. Pure.

Before the first name table has come, a question is answered SERVFAIL: an app that asks early must ask again, not learn that a service does not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from dnslib import AAAA, QTYPE, RCODE, RR, A, DNSError, DNSRecord

from ostria.agent.name_table import Names

TTL: Final = 30
MAX_UDP: Final = 512


class Verdict(Enum):
    ANSWER = auto()
    FORWARD = auto()
    IGNORE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`data` is the answer of an ANSWER."""

    verdict: Verdict
    data: bytes = b""


@dataclass(slots=True)
class Resolver:
    """`names` None until the first name table; each answer starts at another address, so that clients spread."""

    names: Names | None = None
    turn: int = field(default=0)

    def decide(self, query: bytes) -> Decision:
        """Only questions for A and AAAA are the mesh's business; what can't be parsed gets no answer."""
        try:
            record = DNSRecord.parse(query)
        except (DNSError, ValueError, IndexError, UnicodeError):
            return Decision(verdict=Verdict.IGNORE)
        if record.header.qr or len(record.questions) != 1:
            return Decision(verdict=Verdict.IGNORE)
        if record.q.qtype not in (QTYPE.A, QTYPE.AAAA):
            return Decision(verdict=Verdict.FORWARD)
        if self.names is None:
            return Decision(verdict=Verdict.ANSWER, data=_failed(record, RCODE.SERVFAIL))
        addresses = self.names.lookup(str(record.q.qname), 4 if record.q.qtype == QTYPE.A else 6)
        if addresses is None:
            return Decision(verdict=Verdict.FORWARD)
        return Decision(verdict=Verdict.ANSWER, data=self._answer(record, addresses))

    def _answer(self, record: DNSRecord, addresses: Sequence[str]) -> bytes:
        self.turn += 1
        start = self.turn % len(addresses) if addresses else 0
        reply = record.reply(ra=1, aa=1)
        for address in (*addresses[start:], *addresses[:start]):
            data = AAAA(address) if ":" in address else A(address)
            reply.add_answer(RR(record.q.qname, record.q.qtype, ttl=TTL, rdata=data))
        return bytes(reply.pack())


def failure(query: bytes) -> bytes:
    """SERVFAIL for a query that no resolver answered; empty where the query can't be read."""
    try:
        return _failed(DNSRecord.parse(query), RCODE.SERVFAIL)
    except (DNSError, ValueError, IndexError, UnicodeError):
        return b""


def _failed(record: DNSRecord, rcode: int) -> bytes:
    reply = record.reply(ra=1, aa=0)
    reply.header.rcode = rcode
    return bytes(reply.pack())


def fit_udp(query: bytes, answer: bytes) -> bytes:
    """The answer, or, where it is longer than the client said it can take, an empty one that makes it ask again over TCP."""
    if len(answer) <= _room(query):
        return answer
    reply = DNSRecord.parse(query).reply(ra=1, aa=0)
    reply.header.tc = 1
    return bytes(reply.pack())


def _room(query: bytes) -> int:
    """512 bytes, or what an EDNS option says."""
    record = DNSRecord.parse(query)
    said: list[int] = [extra.edns_len for extra in record.ar if extra.rtype == QTYPE.OPT]
    return max([MAX_UDP, *said])


def matches(query: bytes, answer: bytes) -> bool:
    """Whether an answer is to this query: same id, same question, and it is an answer. Anyone may send datagrams."""
    try:
        asked, said = DNSRecord.parse(query), DNSRecord.parse(answer)
    except (DNSError, ValueError, IndexError, UnicodeError):
        return False
    same = not said.questions or (str(said.q.qname).lower(), said.q.qtype) == (str(asked.q.qname).lower(), asked.q.qtype)
    return bool(said.header.qr) and said.header.id == asked.header.id and same


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvConf:
    servers: tuple[str, ...]
    search: tuple[str, ...]


def resolv_conf(text: str) -> ResolvConf:
    """Name servers and search domains; the last `search` or `domain` line counts."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    for line in text.splitlines():
        match line.split("#")[0].split(";")[0].split():
            case ["nameserver", address, *_]:
                servers.append(address)
            case ["search" | "domain", *domains]:
                search = tuple(domains)
    return ResolvConf(servers=tuple(servers), search=search)
