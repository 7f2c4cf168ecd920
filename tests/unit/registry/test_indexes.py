"""The indexes answer as a search through everything would."""

from hypothesis import given
from hypothesis import strategies as st

from ostria.registry.indexes import LabelIndex, SelectorIndex, Table

_LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2)
_STEPS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["x", "y"]), st.one_of(st.none(), _LABELS)), max_size=12)


@given(_STEPS, _LABELS)
def test_labels_by_selector_and_selectors_by_labels(steps: list[tuple[int, str, dict[str, str] | None]], asked: dict[str, str]) -> None:
    labels: LabelIndex[int] = LabelIndex()
    selectors: SelectorIndex[int] = SelectorIndex()
    everything: dict[int, tuple[str, dict[str, str]]] = {}
    for key, namespace, value in steps:
        if value is None:
            labels.drop(key)
            selectors.drop(key)
            everything.pop(key, None)
        else:
            labels.put(key, namespace, value)
            selectors.put(key, namespace, value)
            everything[key] = (namespace, value)
    assert set(labels.find("x", asked)) == {k for k, (ns, v) in everything.items() if ns == "x" and asked and asked.items() <= v.items()}
    assert set(selectors.find("x", asked)) == {k for k, (ns, v) in everything.items() if ns == "x" and v and v.items() <= asked.items()}


def test_a_frozen_table_stays_the_same_object_until_something_changes() -> None:
    table: Table[str, str] = Table()
    value = "v"
    table.put("k", value)
    frozen = table.freeze()
    assert table.put("k", value) is False
    assert table.freeze() is frozen
    table.put("k", None)
    assert frozen == {"k": "v"}
    assert table.freeze() == {}
