"""What the command line may ask a running mesh: one generator for each operation of the control socket."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from ostria.api.encode import plain, to_yaml
from ostria.api.kinds import BY_NAME
from ostria.api.meta import ObjectKey, Resource
from ostria.api.problem import Severity
from ostria.config.files import FilesSource
from ostria.config.loading import load
from ostria.local.control.server import Operation, Refused, Request
from ostria.local.kernel.processes import Process, Streams, Where
from ostria.local.mesh import Mesh
from ostria.local.operations import names
from ostria.local.operations.inside_http import fetch
from ostria.local.operations.problems import flat
from ostria.local.operations.refusals import refusals
from ostria.local.operations.status import meaningless, status
from ostria.local.paths import MeshPaths
from ostria.local.pods.machine import NET_ADMIN, NET_RAW
from ostria.local.pods.run import PROXY_CONTAINER, PodRun

Answer = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Operations:
    mesh: Mesh
    source: FilesSource
    paths: MeshPaths
    stop: Callable[[], None]
    facts: Callable[[], Mapping[str, Any]]
    """What `status` says of the mesh as a whole: mode, URL, watched files."""

    def table(self) -> Mapping[str, Operation]:
        return {
            "status": self.status,
            "objects": self.objects,
            "apply": self.apply,
            "delete": self.delete,
            "label": self.label,
            "http": self.http,
            "logs": self.logs,
            "exec": self.exec,
            "stop": self.end,
        }

    async def status(self, request: Request) -> AsyncIterator[Answer]:
        more = {"meaningless": meaningless(self.mesh.store, self.mesh.settings)} if request.fields.get("verbose") else {}
        yield {**await self.state(), **more}

    async def state(self) -> dict[str, Any]:
        """What runs, and everything that is wrong."""
        page = await self._problems()
        return {**self.facts(), **status(self.mesh, self.source.problems, flat(page), self.source.unenforced, refusals(page))}

    async def _problems(self) -> Mapping[str, Any]:
        """What the control plane says keeps the mesh from being what its files say."""
        pod = next((p for p in self.mesh.pods.values() if p.plan.workload == "istiod" and p.ready), None)
        if pod is None:
            return {}
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            code, body = await fetch(self.mesh.machine.home, pod.network, (pod.local_host, 8080), "/debug/problems", timeout=5.0)
            return dict(json.loads(body)) if code == 200 else {}
        return {}

    async def objects(self, request: Request) -> AsyncIterator[Answer]:
        kind, namespace, name = (str(request.fields.get(field) or "") for field in ("kind", "namespace", "name"))
        store = self.mesh.store
        for found in (kind,) if kind else store.kinds():
            for entry in store.list(found):
                if (not namespace or entry.key.namespace in (namespace, "")) and name in ("", entry.key.name):
                    yield {"object": plain(entry.object), "origin": str(entry.origin)}
        for resource in self._made(kind):
            meta = resource.metadata
            if (not namespace or meta.namespace in (namespace, "")) and name in ("", meta.name):
                yield {"object": plain(resource), "origin": ""}

    def _made(self, kind: str) -> list[Resource]:
        """Objects that no file holds."""
        found: list[Resource] = []
        if kind in ("", "Pod"):
            found += [pod.object() for pod in self.mesh.pods.values()]
        if kind == "Namespace":
            declared = self.mesh.objects.declared()
            found += [space for name, space in self.mesh.objects.namespaces().items() if name not in declared]
        if kind in ("", "Service"):
            stored = {(e.key.namespace, e.key.name) for e in self.mesh.store.list("Service")}
            found += [s for s in self.mesh.objects.services() if (s.metadata.namespace, s.metadata.name) not in stored]
        if kind == "EndpointSlice":
            found += self.mesh.slices
        return found

    async def apply(self, request: Request) -> AsyncIterator[Answer]:
        objects = [self._checked(found) for found in request.fields.get("objects", ())]
        for _, key in objects:
            self._own(key)
        for resource, key in objects:
            yield {"object": _shown(key), "result": self._write(resource, key)}
        self.source.load()

    async def delete(self, request: Request) -> AsyncIterator[Answer]:
        keys = [_key(found) for found in request.fields.get("keys", ())]
        for key in keys:
            self._own(key)
        for key in keys:
            path = self._path(key)
            there = path.exists()
            path.unlink(missing_ok=True)
            yield {"object": _shown(key), "result": "deleted" if there else "not found"}
        self.source.load()

    async def label(self, request: Request) -> AsyncIterator[Answer]:
        key = _key(request.fields["key"])
        self._own(key)
        entry = self.mesh.store.get(key)
        found: Resource | None = (
            entry.object if entry else self.mesh.objects.namespaces().get(key.name) if key.kind == "Namespace" else None
        )
        if found is None:
            raise Refused(f"there is no {key}", f"ostria get {key.kind.lower()} lists those that there are")
        labels = dict(found.metadata.labels)
        for name, value in request.fields["labels"].items():
            if value is None:
                labels.pop(name, None)
            elif labels.get(name, value) != value and not request.fields.get("overwrite"):
                raise Refused(f"{key} already has the label {name}={labels[name]}", "change it with --overwrite")
            else:
                labels[name] = value
        changed = structs.replace(found, metadata=structs.replace(found.metadata, labels=labels))
        result = self._write(changed, key)
        self.source.load()
        yield {"object": _shown(key), "result": "labeled" if result != "unchanged" else "not labeled"}

    async def http(self, request: Request) -> AsyncIterator[Answer]:
        fields = request.fields
        pod = self._one(fields)
        try:
            code, body = await fetch(
                self.mesh.machine.home,
                pod.network,
                (pod.local_host, pod.local_port(int(fields["port"]))),
                str(fields["path"]),
                str(fields.get("method") or "GET"),
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise Refused(
                f"{pod.plan.name} does not answer on port {fields['port']}: {error or 'no answer in time'}",
                "ostria status shows what it waits for",
            ) from None
        yield {"status": code, "body": body.decode(errors="replace")}

    async def logs(self, request: Request) -> AsyncIterator[Answer]:
        """The files; whoever asks may read them."""
        container = str(request.fields.get("container") or "app")
        for pod in self._pods(request.fields):
            names_of = [c.name for c in pod.spec.containers if c.name != PROXY_CONTAINER or not pod.injection.router]
            wanted = [PROXY_CONTAINER] if container == "proxy" or not names_of else names_of if container == "app" else [container]
            for name in wanted:
                yield {
                    "pod": pod.plan.name,
                    "container": name,
                    "path": str(self.paths.logs / pod.plan.namespace / pod.plan.name / f"{name}.log"),
                }

    async def exec(self, request: Request) -> AsyncIterator[Answer]:
        pod = self._one(request.fields)
        command = [str(word) for word in request.fields["command"]]
        if len(request.descriptors) != 3:
            raise Refused("exec needs descriptors for standard input, output and error")
        stdin, stdout, stderr = request.descriptors
        streams = Streams(stdin=stdin, stdout=stdout, stderr=stderr)
        process = self._enter(pod, str(request.fields.get("container") or ""), command, streams, str(request.fields.get("term") or ""))
        request.close()
        try:
            failure = await process.failure
            if failure:
                raise Refused(failure)
            yield {"exit": await process.wait()}
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send(signal.SIGHUP)
                process.send(signal.SIGKILL)

    def _enter(self, pod: PodRun, container: str, command: list[str], streams: Streams, term: str) -> Process:
        if container == "proxy" or not pod.containers.apps:
            machine = self.mesh.machine
            orders: dict[str, Any] = {"argv": command, "env": {"PATH": machine.path, "TERM": term or "dumb", "HOME": "/tmp"}, "cwd": "/"}
            if machine.mode.capturing:
                orders |= {"uid": 0, "gid": 0, "capabilities": [NET_ADMIN, NET_RAW]}
            return machine.processes.start(orders, Where(network=pod.network), streams)
        for run in (*pod.containers.apps, *pod.containers.beside):
            if container in ("", "app", run.name) and run.process is not None:
                return pod.launch.enter(run.recipe.container, run.process, command, streams, term)
        raise Refused(f"{pod.plan.name} has no running container {container}".rstrip(), "ostria status shows why")

    async def end(self, request: Request) -> AsyncIterator[Answer]:
        self.stop()
        yield {"stopping": True}
        await asyncio.sleep(3600)  # the answer ends when the mesh does

    def _one(self, fields: Mapping[str, Any]) -> PodRun:
        return self._pods(fields)[0]

    def _pods(self, fields: Mapping[str, Any]) -> list[PodRun]:
        try:
            return names.find(self.mesh.pods.values(), str(fields["workload"]), str(fields.get("namespace") or "default"))
        except names.NoSuchWorkload as missing:
            raise Refused(str(missing), "ostria status lists them") from None

    def _checked(self, found: Mapping[str, Any]) -> tuple[Resource, ObjectKey]:
        loaded = load("<applied>", json.dumps(found))
        errors = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
        stored = [item.stored for item in loaded.items if item.stored is not None]
        if errors or len(stored) != 1:
            raise Refused("; ".join(problem.message for problem in errors) or "not an object")
        return stored[0].object, stored[0].key

    def _own(self, key: ObjectKey) -> None:
        owner = self.source.owner(key)
        if owner is not None and not Path(owner).is_relative_to(self.paths.objects):
            raise Refused(f"{key} stands in {owner}, which is watched", "change it in that file: saving it is enough")

    def _path(self, key: ObjectKey) -> Path:
        return self.paths.objects / f"{key.kind}.{key.namespace or '_'}.{key.name}.yaml"

    def _write(self, resource: Resource, key: ObjectKey) -> str:
        path = self._path(key)
        before = self.mesh.store.get(key)
        created = before.object.metadata.creation_timestamp if before else None
        stamp = created or resource.metadata.creation_timestamp or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        stamped = structs.replace(resource, metadata=structs.replace(resource.metadata, creation_timestamp=stamp))
        if before is not None and plain(before.object) == plain(stamped):
            return "unchanged"
        fresh = path.with_name(f".{path.name}")
        try:
            fresh.write_text(to_yaml(stamped))
            os.replace(fresh, path)
        except OSError as error:
            raise Refused(f"{path} can't be written: {error.strerror}", "free some space, or look at the folder's rights") from None
        return "configured" if before else "created"


def _key(found: Mapping[str, Any]) -> ObjectKey:
    kind = str(found.get("kind"))
    if kind not in BY_NAME:
        raise Refused(f"{kind!r} is not a kind that Ostria knows")
    return ObjectKey(kind, str(found.get("namespace") or "") if BY_NAME[kind].namespaced else "", str(found.get("name")))


def _shown(key: ObjectKey) -> str:
    return f"{key.kind.lower()}/{key.name}"
