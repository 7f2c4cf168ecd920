"""Text to plain data, as Kubernetes would read it; and nothing that somebody writes into a file can hurt."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ostria.api.documents import read, split
from ostria.api.reader import Limits, Marks


def data(text: str) -> Any:
    (document,) = read(text)
    assert document.faults == ()
    return document.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("yes", True),
        ("Off", False),
        ("y", True),
        ("'yes'", "yes"),
        ("~", None),
        ("", None),
        ("0777", 511),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("-5", -5),
        ("80.0", 80),
        ("1e3", 1000),
        ("1.5", 1.5),
        (".5", 0.5),
        ("089", 89),
        ("1.2.3.4", "1.2.3.4"),
        ("1.10", 1.1),
        ("v1", "v1"),
        ("+", "+"),
        ("-", "-"),
        ("!!str 80", "80"),
        ("!!int '80'", 80),
        ("!!binary aGk=", "hi"),
        ("99999999999999999999999", 1e23),
    ],
)
def test_scalars_mean_what_kubernetes_takes_them_for(text: str, value: object) -> None:
    got = data(f"a: {text}\n") if text != "-" else data("a: '-'")
    assert got == {"a": value}
    assert type(got["a"]) is type(value)


def test_keys_are_strings() -> None:
    assert data("80: a\nyes: b\n1.5: c\n") == {"80": "a", "true": "b", "1.5": "c"}


def test_anchors_and_merges() -> None:
    text = "base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\nmany: {<<: [{c: 4}, *base], d: *base}\n"
    base = {"a": 1, "b": 2}
    assert data(text) == {"base": base, "more": {"a": 1, "b": 3}, "many": {"c": 4, "a": 1, "b": 2, "d": base}}


def test_a_quoted_merge_key_is_a_key() -> None:
    assert data('"<<": a') == {"<<": "a"}


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key 'a' is there twice", (2, 0)),
        ("a: *b\n", "*b refers to no anchor", (0, 3)),
        ("a: &a [*a]\n", "*a contains itself", (0, 7)),
        ("a: {<<: 1}\n", "<< takes a mapping", (0, 8)),
        ("? [a]\n: b\n", "a key must be a simple value", (0, 2)),
        ("a: b: c\n", "malformed YAML: mapping values are not allowed", (0, 4)),
        ("a:\n\t- b\n", "malformed YAML: found character that cannot start any token", (1, 0)),
        ("a: .inf\n", ".inf is not a number", (0, 3)),
        ("a: !!int x\n", "'x' can't have the tag", (0, 3)),
        ("a: !Ref x\n", "'x' can't have the tag !Ref", (0, 3)),
        ("a: \x07\n", "not readable as text", (0, 0)),
        ("[" * 200, "nested deeper than 100 levels", (0, 100)),
    ],
)
def test_what_is_wrong_with_the_text_is_told_with_its_place(text: str, message: str, position: tuple[int, int]) -> None:
    fault = read(text)[-1].faults[-1]
    assert fault.message.startswith(message)
    assert fault.position == position


def test_brackets_without_end_do_not_end_the_process() -> None:
    for text in ("[" * 1_000_000, "- " * 1_000_000, "{a: " * 300_000):
        assert read(text)[-1].faults


def test_a_billion_laughs_are_stopped_early() -> None:
    lines = ["a0: &a0 [" + ", ".join(["lol"] * 10) + "]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12)]
    (fault,) = read("\n".join(lines))[-1].faults
    assert "values in one document" in fault.message


def test_positions_of_fields_are_found_when_asked_for() -> None:
    marks: dict[int, Marks] = {}
    read("a:\n  b: [1, {c: 2}]\n---\nd: 3\n", marks=marks)
    assert marks[0]["a", "b", 1, "c"] == (1, 10)
    assert marks[1]["d",] == (3, 0)


def test_a_file_is_cut_where_documents_end() -> None:
    text = "# licence\n%YAML 1.1\n---\na: |\n  x\n  --- not here\n---  # two\nb: 1\n---\n"
    chunks = list(split(text))
    assert [chunk.line for chunk in chunks] == [0, 6, 8]
    assert [read(chunk.text)[0].data for chunk in chunks] == [{"a": "x\n--- not here\n"}, {"b": 1}, None]
    assert "".join(chunk.text for chunk in chunks) == text


def test_json_is_yaml_too() -> None:
    assert data('{\n\t"a": [1, true, null, "\\u00e4\\/"]\n}') == {"a": [1, True, None, "ä/"]}


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz01-", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(_PLAIN)
def test_what_is_written_is_read_back(value: object) -> None:
    text = yaml.dump(value, Dumper=yaml.CSafeDumper, allow_unicode=True, default_style='"')
    try:
        expected = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return
    assert data(text) == expected


@given(st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    for chunk in split(text):
        for document in read(chunk.text, Limits(depth=5, nodes=50, documents=3)):
            for fault in document.faults:
                assert fault.position >= (0, 0)


@given(st.text("-:{}[]&*!|>'\"\n\t abc<%#,?~0.", max_size=60))
def test_no_mixture_of_yamls_own_characters_makes_the_reader_fail(text: str) -> None:
    test_no_text_makes_the_reader_fail.hypothesis.inner_test(text)
    assert "".join(chunk.text for chunk in split(text)) == text
