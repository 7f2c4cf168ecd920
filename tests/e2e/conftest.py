"""Meshes for tests: started when asked for, ended and removed whatever happens, and never with a rejection that nobody provoked."""

import itertools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
from tests.e2e.mesh import Mesh

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Mesh]]:
    """`start(files)` gives a running mesh. It ends with the module, or when the next one starts, unless that is `alongside`.

    `rootless` runs it as an ordinary user; `flags` go to `up`, for example `("--no-capture",)`.
    """
    running: list[Mesh] = []
    rejected: list[str] = []

    def begin(
        files: Iterable[pathlib.Path],
        *,
        rootless: bool = False,
        flags: Iterable[str] = (),
        alongside: bool = False,
        port: int | None = None,
        variables: Mapping[str, str] | None = None,
        prefix: Iterable[str] = (),
    ) -> Mesh:
        root = os.geteuid() == 0
        if not root and not rootless:
            pytest.skip("needs root")
        if not alongside:
            rejected.extend(_end(running))
        fixed = {} if port is None else {"port": port}
        mesh = Mesh(
            name=f"t{os.getpid()}-{next(_numbers)}",
            files=list(files),
            rootless=rootless and root,
            flags=tuple(flags),
            variables=dict(variables or {}),
            prefix=tuple(prefix),
            **fixed,
        )
        running.append(mesh)
        return mesh.up()

    yield begin
    rejected.extend(_end(running))
    assert rejected == [], "an Envoy refused what no test provoked"


def _end(meshes: list[Mesh]) -> list[str]:
    """End all of them; tell what their proxies had refused."""
    rejected: list[str] = []
    while meshes:
        mesh = meshes.pop()
        try:
            rejected += mesh.rejections()
        except (AssertionError, ValueError) as error:
            rejected.append(f"mesh {mesh.name} could not be asked: {error}")
        finally:
            mesh.down()
            mesh.clean_up()
    return rejected
