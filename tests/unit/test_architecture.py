"""docs/architecture.md says how the house is built; this is where it is held to its word."""

import pathlib
import re

import grimp
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
LONGEST = 12


def path_of_a_virtual_service() -> list[str]:
    """The numbered list under the heading of that name: one file per item, below src/ostria."""
    section = PAGE.partition("## The path of a VirtualService")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `([\w/]+\.py)`", section, re.MULTILINE)


def module(file: str) -> str:
    return "ostria." + file.removesuffix(".py").replace("/", ".")


FILES = path_of_a_virtual_service()


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("ostria", cache_dir=None, exclude_type_checking_imports=False)


class TestThePathOfAVirtualService:
    def test_it_is_short(self):
        assert 2 < len(FILES) <= LONGEST
        assert len(set(FILES)) == len(FILES)

    def test_it_begins_with_text_and_ends_with_bytes(self):
        assert FILES[0].startswith("api/")
        assert FILES[-1].startswith("discovery/")

    @pytest.mark.parametrize("file", FILES)
    def test_its_files_exist(self, file):
        assert (SOURCE / "ostria" / file).is_file()

    @pytest.mark.parametrize(("position", "file"), list(enumerate(FILES)), ids=FILES)
    def test_no_file_imports_a_later_one_not_even_through_others(self, imports, position, file):
        for later in FILES[position + 1 :]:
            chain = imports.find_shortest_chain(module(file), module(later))
            assert chain is None, f"{file} imports {later}: {' → '.join(chain)}"

    def test_rooms_come_in_the_order_of_the_house(self):
        rooms = [file.split("/")[0] for file in FILES]
        assert list(dict.fromkeys(rooms)) == ["api", "config", "snapshot", "translate", "discovery"]
        assert rooms == sorted(rooms, key=list(dict.fromkeys(rooms)).index)


class TestTheHouse:
    ROOMS = sorted(p.name for p in (SOURCE / "ostria").iterdir() if p.is_dir() and p.name != "__pycache__")

    @pytest.mark.parametrize("room", ROOMS)
    def test_every_room_is_described(self, room):
        assert re.search(rf"^\| `{room}/` \|", PAGE, re.MULTILINE)

    def test_no_room_is_described_that_does_not_exist(self):
        assert sorted(re.findall(r"^\| `(\w+)/` \|", PAGE, re.MULTILINE)) == self.ROOMS

    def test_the_rooms_of_the_local_mesh_are_those_that_exist(self):
        rooms = {p.name for p in (SOURCE / "ostria" / "local").iterdir() if p.is_dir() and p.name != "__pycache__"}
        assert set(re.findall(r"`local/(\w+)/`", PAGE)) == rooms

    @pytest.mark.parametrize("file", sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*/[a-z_]+\.py)`", PAGE))))
    def test_every_file_that_is_named_exists(self, file):
        assert any((base / file).is_file() for base in (SOURCE / "ostria", ROOT))
