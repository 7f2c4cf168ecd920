"""Every verb is listed, explains itself, and ends with the status that scripts rely on."""

import json
import subprocess
import sys
from importlib import import_module

import pytest

from ostria.cli import PLAIN, VERBS

HELP_OF_OTHERS = {"envoy"}
"""Verbs whose --help belongs to the program behind them."""


def test_help_lists_every_verb(ostria):
    said = ostria("--help")
    assert said.status == 0
    for verb in VERBS:
        assert f" {verb} " in said.out


@pytest.mark.parametrize("verb", sorted(set(VERBS) - HELP_OF_OTHERS))
def test_every_verb_explains_itself(ostria, verb):
    said = ostria(verb, "--help")
    assert said.status == 0, said.err
    assert "usage" in said.out.lower()


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verbs_module_has_its_door(verb):
    module = import_module(VERBS[verb].module)
    assert callable(getattr(module, "main" if verb in PLAIN else VERBS[verb].register))


def test_verbs_are_sorted_for_those_who_look_one_up():
    assert list(VERBS) == sorted(VERBS)


def test_a_verb_loads_only_itself():
    """A long-running process must not carry what other verbs need."""
    loaded = "import sys, ostria.cli; ostria.cli.program('get'); print([m for m in sys.modules if m.startswith('ostria.cli.proxy_status')])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ("unknown",),
        ("get",),
        ("get", "nonsense"),
        ("get", "vs", "-o", "picture"),
        ("get", "vs", "--wrong"),
        ("apply",),
        ("delete",),
        ("delete", "vs"),
        ("delete", "nonsense", "x"),
        ("label", "vs", "reviews"),
        ("label", "nonsense", "reviews", "a=b"),
        ("label", "vs", "reviews", "nothing"),
        ("proxy-config", "cluster"),
        ("proxy-config", "nonsense", "reviews"),
        ("proxy-status", "-o", "picture"),
        ("version", "-o", "picture"),
        ("get", "vs", "--name", "No Mesh!"),
        ("agent",),
        ("agent", "proxy", "nonsense"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_wrong(ostria, words):
    said = ostria(*words)
    assert said.status == 2
    assert said.err or said.out


def test_a_mesh_that_does_not_run_is_status_1_with_a_hint(ostria):
    said = ostria("get", "vs", "--name", "other")
    assert (said.status, said.out) == (1, "")
    assert "no mesh named 'other' is running" in said.err
    assert "hint: " in said.err


def test_version_names_ostria_and_envoy(ostria):
    found = json.loads(ostria("version", "-o", "json").out)["clientVersion"]
    assert found["ostria"]
    assert found["envoy"].count(".") == 2
    assert f"envoy {found['envoy']}" in ostria("version").out
