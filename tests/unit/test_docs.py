"""What the documents say is so: tables agree with the program, commands exist, links lead somewhere."""

import importlib.util
import pathlib
import re
import shlex

import pytest
from tests.e2e.mesh import SAMPLES
from tests.e2e.test_samples import BOOKINFO, STORIES

from ostria.api.kinds import KINDS_WITHOUT_MEANING, REFUSED_KINDS
from ostria.api.support import NO_MEANING, REFUSED
from ostria.cli import PLAIN, VERBS, program

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("benchmarks/*.md")])


def rows(page: str) -> list[list[str]]:
    """The cells of every table row under a header, without back quotes."""
    lines = [line for line in page.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


class TestRefused:
    """docs/refused.md, which scripts/refused.py writes from the program's own tables."""

    PAGE = (ROOT / "docs" / "refused.md").read_text()

    def test_the_page_is_what_the_tables_say(self):
        spec = importlib.util.spec_from_file_location("refused", ROOT / "scripts" / "refused.py")
        writer = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(writer)
        assert writer.page() == self.PAGE, "run `python scripts/refused.py`"

    @pytest.mark.parametrize(("heading", "table"), [("Refused fields", REFUSED), ("Fields without meaning", NO_MEANING)])
    def test_every_field_of_the_tables_is_on_the_page_and_no_other(self, heading, table):
        section = self.PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        listed = sorted(name for row in rows(section) if row[1] != "fields" for name in re.findall(r"\w+", row[1]))
        assert listed == sorted(name for fields in table.values() for name in fields)

    def test_every_field_has_a_reason(self):
        assert all(reason.strip() for table in (REFUSED, NO_MEANING) for fields in table.values() for reason in fields.values())

    def test_every_kind_that_is_not_read_is_on_the_page(self):
        for _, kind in (*REFUSED_KINDS, *KINDS_WITHOUT_MEANING):
            assert f"`{kind}`" in self.PAGE


class TestSamples:
    """docs/samples.md, the folder of samples and their end-to-end test."""

    ROWS = [row for row in rows((ROOT / "docs" / "samples.md").read_text()) if row[0] != "file"]

    def test_a_file_runs_or_has_a_reason(self):
        assert {row[1] for row in self.ROWS} == {"yes", "no"}
        assert all(len(row[2]) > 3 for row in self.ROWS)

    @pytest.mark.skipif(not SAMPLES.is_dir(), reason="Istio's samples are not beside this checkout (../shared/samples)")
    def test_every_file_is_named_once(self):
        files = sorted(str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file())
        assert sorted(row[0] for row in self.ROWS) == files

    def test_what_runs_is_what_the_end_to_end_test_runs(self):
        assert {row[0] for row in self.ROWS if row[1] == "yes"} == set(STORIES)
        assert set(BOOKINFO) <= set(STORIES)

    def test_what_a_sample_needs_runs_too(self):
        assert {name for story in STORIES.values() for name in story.needs} <= set(STORIES)


class TestReadme:
    PAGE = (ROOT / "README.md").read_text()
    BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    COMMANDS = [line.partition("#")[0].strip() for block in BLOCKS for line in block.splitlines() if line.startswith(("ostria ", "make "))]

    def test_it_has_commands(self):
        assert any(command.startswith("ostria up") for command in self.COMMANDS)
        assert "make demo" in self.COMMANDS

    @pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("ostria ")])
    def test_its_commands_and_their_flags_exist(self, command):
        _, verb, *words = shlex.split(command)
        assert verb in VERBS
        if verb not in PLAIN:
            known = known_flags(verb, words)
            assert [word for word in upto_dashes(words) if word.startswith("-") and word not in known] == []

    @pytest.mark.parametrize("verb", sorted(set(re.findall(r"`ostria ([a-z-]+)", PAGE))))
    def test_verbs_in_its_text_exist(self, verb):
        assert verb in VERBS

    @pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
    def test_its_targets_exist(self, command):
        assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def upto_dashes(words: list[str]) -> list[str]:
    """What belongs to ostria: words after `--` belong to another program."""
    return words[: words.index("--")] if "--" in words else words


def known_flags(verb: str, words: list[str]) -> set[str]:
    import typer

    command = typer.main.get_command(program(verb)).commands[verb]
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    return {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}


def links() -> list[tuple[pathlib.Path, str]]:
    found = []
    for page in PAGES:
        text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
        found += [(page, target) for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    return found


@pytest.mark.parametrize(("page", "target"), links(), ids=lambda value: value.name if isinstance(value, pathlib.Path) else value)
def test_links_lead_somewhere(page, target):
    if target.startswith(("http://", "https://")):
        return
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    assert file.exists()
    assert file.is_relative_to(ROOT)
    if anchor:
        headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_pages_with_links():
    assert len(links()) > 5
