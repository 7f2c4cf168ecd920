"""The command line, run in this process, over a control socket that a stand-in for the mesh serves."""

import asyncio
import json
import pathlib
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from ostria.cli import main
from ostria.local import paths
from ostria.local.control.server import ControlServer, Refused, Request


class Said(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[list[str]]:
        """A table's cells, header first."""
        return [line.split("    ") and [cell.strip() for cell in line.split("    ") if cell.strip()] for line in self.out.splitlines()]


@pytest.fixture
def home(monkeypatch) -> Iterator[pathlib.Path]:
    """State and runtime folders of this test alone; short, because socket paths must be."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="o-"))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.delenv("OSTRIA_MESH", raising=False)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def ostria(capsys, home):
    """Run one command and tell its exit status and what it wrote."""

    def run(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        code = ended.value.code
        return Said(0 if code is None else int(code), *capsys.readouterr())

    return run


class StandIn:
    """Answers operations as a test sets them up, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.answers: dict[str, list[Mapping[str, Any]]] = {}
        self.pages: dict[str, str | int] = {}
        self.refusal: Refused | None = None

    async def operation(self, request: Request) -> AsyncIterator[Mapping[str, Any]]:
        self.asked.append(request.fields)
        if self.refusal is not None:
            raise self.refusal
        if request.fields["op"] == "http":
            page = self.pages.get(request.fields["path"], 404)
            yield {"status": 200, "body": page} if isinstance(page, str) else {"status": page, "body": "not here"}
            return
        for answer in self.answers.get(request.fields["op"], []):
            yield answer


@pytest.fixture
def mesh(home) -> Iterator[StandIn]:
    stand_in = StandIn()
    found = paths.mesh_paths("default", {"HOME": str(home), "XDG_STATE_HOME": str(home), "XDG_RUNTIME_DIR": str(home)}, 0)
    found.runtime.mkdir(parents=True)
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        operations = dict.fromkeys(("http", "apply", "delete", "label", "objects", "status"), stand_in.operation)
        server = ControlServer(found.control, operations)
        server.start()
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            await server.close()

    task = loop.create_task(serve())
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.gather(task, return_exceptions=True)))
    thread.start()
    assert ready.wait(5)
    yield stand_in
    loop.call_soon_threadsafe(task.cancel)
    thread.join()
    loop.close()


@pytest.fixture
def config_dump() -> dict[str, Any]:
    return json.loads(pathlib.Path(__file__).with_name("config_dump.json").read_text())
