"""Durations, as Go and protobuf write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostria.api.scalars import Duration


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("5s", 5 * 10**9),
        ("1.5s", 15 * 10**8),
        ("2m30s", 150 * 10**9),
        ("250ms", 25 * 10**7),
        ("1h", 3600 * 10**9),
        ("0s", 0),
        ("-1s", -(10**9)),
    ],
)
def test_durations_are_read(text: str, nanos: int) -> None:
    assert Duration.parse(text).nanos == nanos


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "5x", "1s2", "five", ".s", "1d"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse(text)


@given(st.integers(-(10**18), 10**18))
def test_durations_are_written_as_they_are_read(nanos: int) -> None:
    assert abs(Duration.parse(str(Duration(nanos))).nanos - nanos) <= 256


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        Duration.parse(text)
    except ValueError:
        return
