"""Envoy's words for a refused response, told apart by the resources that they speak of."""

from ostria.discovery.protocol.rejections import about

WORDS = "Error adding/updating listener(s) 0.0.0.0_80: unable to open file '/x'\n10.0.0.1_443: bad\nsecond line\nvirtualInbound: worse\n"
CULPRITS = frozenset({"0.0.0.0_80", "10.0.0.1_443", "virtualInbound"})


def test_each_of_several_culprits_has_its_own_words() -> None:
    assert about("0.0.0.0_80", CULPRITS, WORDS) == "unable to open file '/x'"
    assert about("10.0.0.1_443", CULPRITS, WORDS) == "bad\nsecond line"
    assert about("virtualInbound", CULPRITS, WORDS) == "worse"


def test_a_single_culprit_has_all_of_them() -> None:
    assert about("0.0.0.0_80", frozenset({"0.0.0.0_80"}), WORDS) == WORDS


def test_words_that_do_not_name_it_are_kept_whole() -> None:
    assert about("other", CULPRITS | {"other"}, WORDS) == WORDS
