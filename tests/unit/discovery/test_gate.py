"""The gate before the wire: large responses share its room in turn, small ones pass, and whoever doesn't read loses the place."""

import asyncio
from collections.abc import Callable

import pytest

from ostria.discovery.protocol.requests import Response
from ostria.discovery.server.gate import SendGate
from ostria.discovery.server.limits import Limits
from ostria.translate.names import CDS

LIMITS = Limits(bytes_in_flight=100, slow_bytes_in_flight=50, large_bytes=10, prompt_seconds=0.05, slow_seconds=0.1, write_seconds=0.3)


def response(size: int) -> Response:
    return Response(type_url=CDS, nonce="1", parts=(b"x" * size,), resources=1, removed=0)


class Wire:
    """Takes messages, and has passed them on when told to."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self._open: dict[str, asyncio.Event] = {}

    def of(self, name: str) -> Callable[[bytes], "asyncio.Future[None]"]:
        async def write(_: bytes) -> None:
            self.taken.append(name)
            await self._open.setdefault(name, asyncio.Event()).wait()

        return lambda data: asyncio.ensure_future(write(data))

    def read(self, name: str) -> None:
        self._open.setdefault(name, asyncio.Event()).set()


class Senders:
    def __init__(self, limits: Limits = LIMITS) -> None:
        self.wire, self.gate = Wire(), SendGate(limits)

    def send(self, name: str, size: int, *, slow: bool = False) -> "asyncio.Task[bool]":
        return asyncio.create_task(self.gate.send(self.wire.of(name), response(size), slow=slow))


async def a_moment() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_large_responses_wait_for_room_first_come_first_served() -> None:
    senders = Senders()
    first, second, third = senders.send("first", 60), senders.send("second", 60), senders.send("third", 30)
    await a_moment()
    assert senders.wire.taken == ["first"], "the third would fit, but it is not its turn"
    assert (senders.gate.bytes_in_flight, senders.gate.waiting) == (60, 2)
    senders.wire.read("first")
    await a_moment()
    assert senders.wire.taken == ["first", "second", "third"]
    senders.wire.read("second")
    senders.wire.read("third")
    assert [await each for each in (first, second, third)] == [False, False, False]


async def test_a_small_response_passes_those_who_wait() -> None:
    senders = Senders()
    waiting = [senders.send("large", 100), senders.send("next", 100)]
    small = senders.send("small", 9)
    senders.wire.read("small")
    assert await small is False
    assert senders.wire.taken == ["large", "small"]
    for each in waiting:
        each.cancel()


async def test_what_is_larger_than_the_room_goes_alone() -> None:
    senders = Senders()
    one, huge, other = senders.send("one", 20), senders.send("huge", 1000), senders.send("other", 20)
    await a_moment()
    senders.wire.read("one")
    await one
    await a_moment()
    assert senders.wire.taken == ["one", "huge"]
    senders.wire.read("huge")
    senders.wire.read("other")
    assert (await huge, await other) == (False, False)


async def test_a_stream_that_ends_gives_its_room_back() -> None:
    senders = Senders()
    writing, waiting, last = senders.send("writing", 100), senders.send("waiting", 100), senders.send("last", 100)
    await a_moment()
    waiting.cancel()
    writing.cancel()
    senders.wire.read("last")
    assert await last is False
    assert senders.wire.taken == ["writing", "last"]


async def test_a_stream_that_ends_just_when_its_turn_comes_takes_nothing_along() -> None:
    senders = Senders()
    first, waiting, last = senders.send("first", 100), senders.send("waiting", 100), senders.send("last", 100)
    await a_moment()
    first.cancel()
    await asyncio.sleep(0)
    waiting.cancel()
    senders.wire.read("last")
    assert await last is False


async def test_proxies_that_never_read_cost_the_others_one_short_wait() -> None:
    senders = Senders()
    deaf = [senders.send(f"deaf{number}", 50) for number in range(2)]
    good = senders.send("good", 100)
    senders.wire.read("good")
    assert await asyncio.wait_for(good, LIMITS.prompt_seconds * 2) is False
    for each in deaf:
        each.cancel()


async def test_a_slow_reader_is_known_as_slow_until_it_reads_promptly_again() -> None:
    senders = Senders()
    late = senders.send("late", 50)
    await asyncio.sleep(LIMITS.prompt_seconds * 1.5)
    senders.wire.read("late")
    assert await late is True
    senders.wire.read("prompt")
    assert await senders.send("prompt", 50, slow=True) is False


async def test_the_slow_wait_for_each_other_and_the_deaf_among_them_are_dropped() -> None:
    senders = Senders()
    deaf, slow = senders.send("deaf", 50, slow=True), senders.send("slow", 50, slow=True)
    senders.wire.read("slow")
    assert await slow is False
    with pytest.raises(TimeoutError):
        await deaf


async def test_where_nobody_wants_its_place_a_slow_reader_gets_more_time() -> None:
    senders = Senders()
    late = senders.send("late", 50)
    await asyncio.sleep(LIMITS.prompt_seconds + LIMITS.slow_seconds * 1.5)
    senders.wire.read("late")
    assert await late is True


@pytest.mark.parametrize("size", [5, 50])
async def test_nobody_holds_a_place_for_ever(size: int) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Senders().send("deaf", size), 2)


async def test_a_stream_that_fails_says_so_and_gives_its_room_back() -> None:
    gate = SendGate(LIMITS)

    async def broken(_: bytes) -> None:
        raise ConnectionError

    for _ in range(3):
        with pytest.raises(ConnectionError):
            await gate.send(broken, response(100), slow=False)


def test_a_response_is_joined_when_it_is_sent() -> None:
    made = Response(type_url=CDS, nonce="1", parts=(b"shared", b"", b"own"), resources=2, removed=0)
    assert (made.size, made.data) == (9, b"sharedown")
