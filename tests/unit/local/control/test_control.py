"""A command asks the running mesh and hears its answers, errors included; a bad client hurts nobody."""

import asyncio
import os
import select
import socket
import stat

import pytest

from ostria.local.control import client
from ostria.local.control.server import ControlServer, Refused


async def _count(request):
    for number in range(request.fields["to"]):
        yield {"number": number}


async def _refuse(request):
    raise Refused("no workload is named nobody", "ostria status lists them")
    yield {}


async def _write(request):
    os.write(request.descriptors[0], b"hello")
    yield {"written": 5}


async def _forever(request):
    request.fields["started"].append(True) if "started" in request.fields else None
    try:
        await asyncio.sleep(3600)
    finally:
        _forever.cancelled = True
    yield {}


@pytest.fixture
async def path(tmp_path):
    server = ControlServer(tmp_path / "control.sock", {"count": _count, "refuse": _refuse, "write": _write, "forever": _forever})
    server.start()
    yield tmp_path / "control.sock"
    await server.close()


async def test_answers_come_one_by_one(path):
    answers = await asyncio.to_thread(lambda: list(client.request(path, "count", to=3)))
    assert [a["number"] for a in answers] == [0, 1, 2]


async def test_a_refusal_arrives_with_its_hint(path):
    with pytest.raises(client.Failed, match="nobody") as failed:
        await asyncio.to_thread(client.one, path, "refuse")
    assert failed.value.hint == "ostria status lists them"


async def test_an_unknown_operation_is_refused(path):
    with pytest.raises(client.Failed, match="does not know"):
        await asyncio.to_thread(client.one, path, "dance")


async def test_descriptors_arrive(path):
    reader, writer = os.pipe()
    await asyncio.to_thread(lambda: list(client.request(path, "write", descriptors=[writer])))
    assert os.read(reader, 10) == b"hello"
    os.close(reader)
    os.close(writer)


async def test_an_answer_may_come_and_the_server_go_before_the_client_looks(path, monkeypatch):
    send = socket.send_fds

    def send_and_dawdle(connection, *args):
        sent = send(connection, *args)
        gone = select.poll()
        gone.register(connection, select.POLLHUP)
        assert gone.poll(5_000)
        return sent

    monkeypatch.setattr(socket, "send_fds", send_and_dawdle)
    reader, writer = os.pipe()
    answers = await asyncio.to_thread(lambda: list(client.request(path, "write", descriptors=[writer])))
    assert [a["written"] for a in answers] == [5]
    os.close(reader)
    os.close(writer)


async def test_only_the_owner_may_open_it(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_client_that_leaves_cancels_what_it_asked_for(path):
    _forever.cancelled = False
    leaving = socket.socket(socket.AF_UNIX)
    leaving.connect(str(path))
    leaving.sendall(b'{"op":"forever"}\n')
    await asyncio.sleep(0)
    leaving.close()
    async with asyncio.timeout(5):
        while not _forever.cancelled:
            await asyncio.sleep(0.01)


async def test_rubbish_costs_only_its_own_connection(path):
    rubbish = socket.socket(socket.AF_UNIX)
    rubbish.connect(str(path))
    rubbish.sendall(b"\xff\xfe not json\n")
    assert (await asyncio.to_thread(lambda: list(client.request(path, "count", to=1)))) == [{"number": 0}]
    rubbish.close()


def test_no_mesh_is_not_running(tmp_path):
    with pytest.raises(client.NotRunning):
        client.one(tmp_path / "control.sock", "status")
