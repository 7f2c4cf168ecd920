"""A container's process ends and starts again, is probed, and is stopped within its grace: with real processes, without namespaces."""

import asyncio
import os
import signal
import sys

import pytest

from ostria.agent.envoy import Backoff
from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.probe import ExecAction, Probe, TCPSocketAction
from ostria.local.containers.probes import ProbeFailed, Target, ask
from ostria.local.containers.run import ContainerRun, Phase, Recipe
from ostria.local.kernel.namespaces import Home
from ostria.local.kernel.processes import Processes, Streams, Where


@pytest.fixture
async def processes():
    found = Processes(Home())
    found.watch()
    yield found
    asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)


def recipe(processes, code, *, restart="Always", grace=2.0, said=None, **container):
    spec = Container(name="app", **container)
    orders = {"argv": [sys.executable, "-c", code], "env": dict(os.environ)}

    async def execute(command):
        return await processes.run(command)

    def target(process):
        return Target(home=None, network=None, address="127.0.0.1", container=spec, port=lambda n: n, execute=execute)

    said = [] if said is None else said
    return Recipe(
        container=spec,
        start=lambda: processes.start(orders, Where(), Streams()),
        target=target,
        say=said.append,
        restart=restart,
        grace=grace,
    )


def run(found):
    return ContainerRun(found, lambda: None, backoff=Backoff(first=0.01, longest=0.05))


async def until(holds, seconds=10):
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_process_that_ends_is_started_again(processes):
    container = run(recipe(processes, "raise SystemExit(3)"))
    task = asyncio.create_task(container.run())
    await until(lambda: container.restarts >= 3)
    await container.stop(1)
    assert await task == 3


@pytest.mark.parametrize(("policy", "code", "expected"), [("Never", 3, 3), ("OnFailure", 0, 0), ("Never", 0, 0)])
async def test_a_pod_that_may_end_ends(processes, policy, code, expected):
    container = run(recipe(processes, f"raise SystemExit({code})", restart=policy))
    assert await container.run() == expected
    assert container.phase is Phase.TERMINATED


async def test_a_command_that_does_not_exist_is_said_and_tried_again(processes):
    said = []
    found = recipe(processes, "", said=said)
    orders = {"argv": ["/does/not/exist"], "env": {}}
    found = Recipe(
        container=found.container,
        start=lambda: processes.start(orders, Where(), Streams()),
        target=found.target,
        say=said.append,
        restart="Always",
        grace=1,
    )
    container = run(found)
    task = asyncio.create_task(container.run())
    await until(lambda: container.reason == "RunContainerError")
    assert "No such file" in container.message
    await container.stop(1)
    await task
    assert len(said) == 1


async def test_stopping_lets_the_app_finish_its_work(processes, tmp_path):
    code = f"""
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (open({str(tmp_path / "done")!r}, "w").close(), sys.exit(0)))
open({str(tmp_path / "up")!r}, "w").close()
time.sleep(60)"""
    container = run(recipe(processes, code))
    task = asyncio.create_task(container.run())
    await until((tmp_path / "up").exists)
    await container.stop(5)
    assert await task == 0
    assert (tmp_path / "done").exists()


async def test_an_app_that_does_not_listen_is_killed_after_its_grace(processes, tmp_path):
    code = (
        f"import signal, time; signal.signal(signal.SIGTERM, lambda *_: None); open({str(tmp_path / 'up')!r}, 'w').close(); time.sleep(60)"
    )
    container = run(recipe(processes, code))
    task = asyncio.create_task(container.run())
    await until((tmp_path / "up").exists)
    began = asyncio.get_running_loop().time()
    await container.stop(1)
    assert await task == -signal.SIGKILL
    assert asyncio.get_running_loop().time() - began < 3


async def test_readiness_follows_the_probe(processes, tmp_path):
    flag = tmp_path / "ready"
    probe = Probe(exec=ExecAction(command=("test", "-e", str(flag))), period_seconds=1, failure_threshold=1)
    container = run(recipe(processes, "import time; time.sleep(60)", readiness_probe=probe))
    task = asyncio.create_task(container.run())
    await until(lambda: container.started)
    assert not container.ready
    flag.touch()
    await until(lambda: container.ready)
    flag.unlink()
    await until(lambda: not container.ready)
    await container.stop(1)
    await task


async def test_a_failed_liveness_probe_restarts_the_container(processes):
    probe = Probe(exec=ExecAction(command=("false",)), period_seconds=1, failure_threshold=1)
    container = run(recipe(processes, "import time; time.sleep(60)", liveness_probe=probe, grace=0.1))
    task = asyncio.create_task(container.run())
    await until(lambda: container.restarts == 1)
    await container.stop(1)
    await task


async def test_a_refused_connection_fails_a_probe(processes):
    found = recipe(processes, "")
    target = found.target(None)
    target = Target(home=Home(), network=None, address="127.0.0.1", container=target.container, port=lambda n: n, execute=target.execute)
    with pytest.raises(ProbeFailed, match="refused"):
        await ask(Probe(tcp_socket=TCPSocketAction(port=1)), target, 2)
