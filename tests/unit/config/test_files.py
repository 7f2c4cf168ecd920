"""Files and folders, watched: what stands in them is in the store, and stays there while somebody is in the middle of editing."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ostria.api.meta import ObjectKey
from ostria.config.files import FilesSource
from ostria.config.store import Change, Store

REVIEWS = ObjectKey("Service", "default", "reviews")
POLICY = ObjectKey("AuthorizationPolicy", "default", "viewer")


def service(name: str = "reviews", port: int = 80) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  ports:\n  - name: http\n    port: {port}\n"


def write(path: Path, text: str) -> None:
    """As careful programs do: beside the file, then moved over it."""
    hidden = path.with_name(f".{path.name}.tmp")
    hidden.write_text(text)
    hidden.replace(path)


def port(store: Store, key: ObjectKey = REVIEWS) -> int | None:
    stored = store.get(key)
    return stored.object.spec.ports[0].port if stored else None


async def until(condition: Callable[[], bool], seconds: float = 3) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def watched(source: FilesSource) -> AsyncIterator[None]:
    source.load()
    task = asyncio.create_task(source.watch())
    await until(lambda: source.watching != "not yet")
    await asyncio.sleep(0.02)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def changes(store: Store) -> list[Change]:
    heard: list[Change] = []
    store.subscribe(lambda batch: heard.extend(batch))
    return heard


async def test_a_file_that_is_replaced_again_and_again_is_in_the_store_each_time(tmp_path: Path, store: Store) -> None:
    write(tmp_path / "reviews.yaml", service())
    async with watched(FilesSource([str(tmp_path)], store)):
        for n in range(81, 91):
            write(tmp_path / "reviews.yaml", service(port=n))
            await until(lambda n=n: port(store) == n)


async def test_watching_an_idle_folder_costs_nothing(tmp_path: Path, store: Store) -> None:
    write(tmp_path / "reviews.yaml", service())
    async with watched(FilesSource([str(tmp_path)], store)):
        before = time.process_time()
        await asyncio.sleep(0.5)
        assert time.process_time() - before < 0.05


async def test_a_new_comment_moves_the_object_and_changes_nothing(tmp_path: Path, store: Store, changes: list[Change]) -> None:
    file = tmp_path / "reviews.yaml"
    write(file, service())
    async with watched(FilesSource([str(tmp_path)], store)):
        changes.clear()
        before = store.get(REVIEWS)
        write(file, "# by the book\n" + service())
        await until(lambda: (now := store.get(REVIEWS)) is not None and now.origin.line == 2)
        after = store.get(REVIEWS)
    assert changes == []
    assert before is not None
    assert after is not None
    assert after.object is before.object


async def test_a_deleted_file_takes_its_objects_along(tmp_path: Path, store: Store) -> None:
    write(tmp_path / "reviews.yaml", service())
    async with watched(FilesSource([str(tmp_path)], store)):
        (tmp_path / "reviews.yaml").unlink()
        await until(lambda: store.get(REVIEWS) is None)


async def test_an_editor_that_removes_and_writes_anew_never_deletes_the_object(tmp_path: Path, store: Store, changes: list[Change]) -> None:
    file = tmp_path / "reviews.yaml"
    write(file, service())
    async with watched(FilesSource([str(tmp_path)], store)):
        changes.clear()
        file.rename(tmp_path / "reviews.yaml~")
        await asyncio.sleep(0.03)
        file.write_text(service(port=81))
        await until(lambda: port(store) == 81)
        await asyncio.sleep(0.15)
    assert [c.new is None for c in changes] == [False]


async def test_a_file_that_is_being_written_is_read_when_it_is_closed(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "reviews.yaml"
    write(file, service())
    source = FilesSource([str(tmp_path)], store)
    async with watched(source):
        with file.open("w") as half:
            half.write(service(port=81)[:40])
            half.flush()
            await asyncio.sleep(0.05)
            assert port(store) == 80
            half.write(service(port=81)[40:])
        await until(lambda: port(store) == 81)
    assert source.problems == ()


async def test_a_moved_file_moves_its_objects_without_a_gap(tmp_path: Path, store: Store, changes: list[Change]) -> None:
    write(tmp_path / "a.yaml", service())
    async with watched(FilesSource([str(tmp_path)], store)):
        changes.clear()
        (tmp_path / "a.yaml").rename(tmp_path / "b.yaml")
        await until(lambda: (now := store.get(REVIEWS)) is not None and now.origin.path.endswith("b.yaml"))
    assert changes == []


async def test_folders_that_appear_later_are_read_too(tmp_path: Path, store: Store) -> None:
    missing = tmp_path / "later" / "deeper"
    source = FilesSource([str(missing)], store)
    async with watched(source):
        assert "no such file or folder" in str(source.problems[0])
        missing.mkdir(parents=True)
        write(missing / "reviews.yaml", service())
        await until(lambda: store.get(REVIEWS) is not None)
        below = missing / "more"
        below.mkdir()
        write(below / "ratings.yml", service("ratings"))
        await until(lambda: store.get(ObjectKey("Service", "default", "ratings")) is not None)
        assert source.problems == ()
        missing.rename(tmp_path / "gone")
        await until(lambda: store.get(REVIEWS) is None)


async def test_relative_paths_are_watched_as_well(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    write(tmp_path / "below" / "reviews.yaml", service())
    async with watched(FilesSource(["."], store)):
        write(tmp_path / "below" / "reviews.yaml", service(port=81))
        await until(lambda: port(store) == 81)
        write(tmp_path / "ratings.yaml", service("ratings"))
        await until(lambda: store.get(ObjectKey("Service", "default", "ratings")) is not None)
    entry = store.get(REVIEWS)
    assert entry is not None
    assert entry.origin.path == "below/reviews.yaml"


async def test_a_folder_that_is_a_link_may_be_turned_around(tmp_path: Path, store: Store, changes: list[Change]) -> None:
    for name, number in (("one", 80), ("two", 81)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "reviews.yaml", service(port=number))
    link = tmp_path / "current"
    link.symlink_to("one")
    async with watched(FilesSource([str(link)], store)):
        changes.clear()
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").replace(link)
        await until(lambda: port(store) == 81)
        write(tmp_path / "two" / "reviews.yaml", service(port=82))
        await until(lambda: port(store) == 82)
    assert len(changes) == 2


async def test_settings_and_what_editors_leave_behind_are_not_objects(tmp_path: Path, store: Store) -> None:
    for name in ("ostria.yaml", ".reviews.yaml.swp", ".hidden.yaml", "reviews.yaml~", "#reviews.yaml#", "reviews.yaml.bak", "README.md"):
        (tmp_path / name).write_text("images: {}\n")
    source = FilesSource([str(tmp_path)], store)
    source.load()
    assert source.problems == ()


async def test_a_named_file_is_read_whatever_it_is_called_and_its_neighbours_are_not(tmp_path: Path, store: Store) -> None:
    write(tmp_path / "mesh.txt", service())
    write(tmp_path / "other.yaml", service("other"))
    async with watched(FilesSource([str(tmp_path / "mesh.txt")], store)):
        write(tmp_path / "mesh.txt", service(port=81))
        await until(lambda: port(store) == 81)
    assert store.get(ObjectKey("Service", "default", "other")) is None


async def test_a_mounted_config_map_that_is_swapped_is_noticed(tmp_path: Path, store: Store) -> None:
    for version, number in (("..1", 80), ("..2", 81)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "reviews.yaml").write_text(service(port=number))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "reviews.yaml").symlink_to("..data/reviews.yaml")
    async with watched(FilesSource([str(tmp_path)], store)):
        assert port(store) == 80
        (tmp_path / "..new").symlink_to("..2")
        (tmp_path / "..new").replace(tmp_path / "..data")
        await until(lambda: port(store) == 81)


async def test_a_refused_version_leaves_the_last_good_one_marked_as_stale(tmp_path: Path, store: Store, changes: list[Change]) -> None:
    file = tmp_path / "all.yaml"
    write(file, service() + "---\n" + service("ratings"))
    source = FilesSource([str(tmp_path)], store)
    async with watched(source):
        changes.clear()
        write(file, service().replace("port: 80", "prot: 81") + "---\n" + service("ratings", 82))
        await until(lambda: port(store, ObjectKey("Service", "default", "ratings")) == 82)
        kept = store.get(REVIEWS)
    assert kept is not None
    assert kept.origin.stale
    assert port(store) == 80
    assert [c.key.name for c in changes] == ["ratings"]
    assert any("did you mean port?" in str(p) for p in source.problems)


@pytest.mark.parametrize("garbage", ["{{{", "kind: Servce\napiVersion: v1\nmetadata: {name: reviews}\n", "a: b\n"])
async def test_a_file_that_makes_no_sense_keeps_what_it_held(tmp_path: Path, store: Store, garbage: str) -> None:
    file = tmp_path / "reviews.yaml"
    write(file, service())
    source = FilesSource([str(tmp_path)], store)
    source.load()
    write(file, garbage)
    source.load()
    assert port(store) == 80
    assert source.problems
    write(file, "")
    source.load()
    assert store.get(REVIEWS) is None


def test_the_same_object_in_two_files_is_an_error_that_names_both(tmp_path: Path, store: Store) -> None:
    write(tmp_path / "a.yaml", service(port=80))
    write(tmp_path / "b.yaml", "\n" + service(port=81))
    source = FilesSource([str(tmp_path)], store)
    source.load()
    assert port(store) == 80
    (problem,) = source.problems
    assert problem.where == f"{tmp_path}/b.yaml:2:1"
    assert f"{tmp_path}/a.yaml:1:1" in problem.message
    os.unlink(tmp_path / "a.yaml")
    source.load()
    assert port(store) == 81
    assert source.problems == ()


def test_a_policy_that_never_was_good_is_known_to_be_missing(tmp_path: Path, store: Store) -> None:
    text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: viewer}\nspec: {action: PERMIT}\n"
    write(tmp_path / "policy.yaml", text)
    source = FilesSource([str(tmp_path)], store)
    source.load()
    assert source.refused == (POLICY,)
    write(tmp_path / "policy.yaml", text.replace("PERMIT", "ALLOW"))
    source.load()
    assert source.refused == ()
    write(tmp_path / "policy.yaml", text)
    source.load()
    assert source.refused == ()
    assert store.get(POLICY) is not None


def test_what_cannot_be_read_as_text_is_a_problem_with_a_line(tmp_path: Path, store: Store) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: b\nc: \xe4\n")
    source = FilesSource([str(tmp_path)], store)
    source.load()
    assert str(source.problems[0]).startswith(f"{tmp_path}/latin.yaml:2:1: error: not UTF-8")


class TestSpares:
    """Last good versions that another process keeps: for one that starts when the file is already bad."""

    TEXT = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: viewer}\nspec: {action: ALLOW}\n"

    def source(self, folder: Path, store: Store, own: str, spare: str | None) -> FilesSource:
        (folder / "own").mkdir(exist_ok=True)
        (folder / "spare").mkdir(exist_ok=True)
        write(folder / "own" / "policy.yaml", own)
        if spare is not None:
            write(folder / "spare" / "x.yaml", spare)
        source = FilesSource([str(folder / "own")], store, spares=str(folder / "spare"))
        source.load()
        return source

    def action(self, store: Store) -> str | None:
        found = store.get(POLICY)
        return found.object.spec.action if found else None  # type: ignore[attr-defined,no-any-return]

    @pytest.mark.parametrize("own", [TEXT.replace("ALLOW", "PERMIT"), "{" + TEXT, "{{{"], ids=["refused", "no YAML", "anything"])
    def test_one_counts_where_the_file_has_nothing_good(self, tmp_path: Path, store: Store, own: str) -> None:
        source = self.source(tmp_path, store, own, self.TEXT)
        assert self.action(store) == "ALLOW"
        entry = store.get(POLICY)
        assert entry is not None
        assert entry.origin.stale
        assert source.problems
        assert POLICY not in source.refused

    def test_it_gives_way_to_the_file(self, tmp_path: Path, store: Store) -> None:
        source = self.source(tmp_path, store, self.TEXT.replace("ALLOW", "PERMIT"), self.TEXT)
        write(tmp_path / "own" / "policy.yaml", self.TEXT.replace("ALLOW", "AUDIT"))
        source.load()
        assert self.action(store) == "AUDIT"
        os.unlink(tmp_path / "spare" / "x.yaml")
        source.load()
        assert self.action(store) == "AUDIT"
        os.unlink(tmp_path / "own" / "policy.yaml")
        source.load()
        assert store.get(POLICY) is None

    def test_beside_a_good_file_it_is_nothing(self, tmp_path: Path, store: Store) -> None:
        source = self.source(tmp_path, store, self.TEXT.replace("ALLOW", "AUDIT"), self.TEXT)
        assert self.action(store) == "AUDIT"
        assert source.problems == ()

    def test_it_goes_when_nobody_keeps_it_any_more(self, tmp_path: Path, store: Store) -> None:
        source = self.source(tmp_path, store, "{{{", self.TEXT)
        os.unlink(tmp_path / "spare" / "x.yaml")
        source.load()
        assert store.get(POLICY) is None
