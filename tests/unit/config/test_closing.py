"""A policy that is refused is never overlooked: not when it is misspelt, has no name, or is no YAML at all."""

from pathlib import Path

import pytest

from ostria.api.meta import ObjectKey
from ostria.config.files import FilesSource
from ostria.config.loading import load
from ostria.config.store import Store

HEAD = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
GOOD = f"{HEAD}metadata: {{name: viewer}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, action: DENY, rules: [{{}}]}}\n"
BAD = GOOD.replace("DENY", "DENNY")


def unenforced(text: str, namespace: str = "default") -> tuple:  # type: ignore[type-arg]
    source = FilesSource([], Store(), namespace)
    source._take({"p.yaml": load("p.yaml", text, namespace)})
    return source.unenforced


def test_a_refused_policy_is_not_enforced_for_those_that_it_selects() -> None:
    (found,) = unenforced(BAD)
    assert found.key == ObjectKey("AuthorizationPolicy", "default", "viewer")
    assert str(found) == "AuthorizationPolicy default/viewer (p.yaml:1:1)"
    assert found.selects("default", {"app": "web", "x": "y"}, "istio-system")
    assert not found.selects("default", {"app": "other"}, "istio-system")
    assert not found.selects("elsewhere", {"app": "web"}, "istio-system")


def test_in_the_root_namespace_it_is_for_all() -> None:
    (found,) = unenforced(BAD, "istio-system")
    assert found.selects("elsewhere", {"app": "web"}, "istio-system")


@pytest.mark.parametrize("spec", ["{action: DENNY, targetRefs: [{kind: Service, name: web}]}", "{action: DENNY, selector: 5}", "5"])
def test_where_nobody_can_tell_whom_it_selects_it_may_be_anybody(spec: str) -> None:
    (found,) = unenforced(f"{HEAD}metadata: {{name: viewer}}\nspec: {spec}\n")
    assert found.selects("default", {"app": "whoever"}, "istio-system")


@pytest.mark.parametrize(
    "text",
    [
        BAD.replace("AuthorizationPolicy", "AuthorisationPolicy"),
        GOOD.replace("AuthorizationPolicy", "Policy"),
        GOOD.replace("metadata: {name: viewer}", "metadata: {nme: viewer}"),
        GOOD.replace("kind:", "knd:"),
        "{" + GOOD.replace("\n", ", "),
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {}, spec: {}}\n",
    ],
    ids=["misspelt", "unknown", "nameless", "kindless", "no YAML", "in a list"],
)
def test_one_that_nobody_can_name_counts_too(text: str) -> None:
    assert unenforced(text)
    assert "p.yaml:" in str(unenforced(text)[0])


@pytest.mark.parametrize("text", [GOOD, "kind: Servce\napiVersion: v1\nmetadata: {name: x}\n", "a: [", ""])
def test_nothing_else_does(text: str) -> None:
    assert unenforced(text) == ()


def test_a_last_good_version_is_enforced(tmp_path: Path) -> None:
    store = Store()
    file = tmp_path / "p.yaml"
    file.write_text(GOOD)
    source = FilesSource([str(tmp_path)], store)
    source.load()
    file.write_text(BAD + "# changed\n")
    source.load()
    assert source.problems
    assert source.unenforced == ()
