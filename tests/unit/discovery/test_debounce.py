"""When a change is pushed: at once when it is alone, together when there are many, past the queue when only endpoints changed."""

from hypothesis import given
from hypothesis import strategies as st

from ostria.discovery.server.debounce import Debounce, Waits
from ostria.discovery.server.limits import Pace

WAITS = Waits()


def test_a_single_change_waits_a_few_milliseconds() -> None:
    debounce = Debounce(WAITS)
    assert debounce.due() is None
    debounce.heard(10.0, endpoints_only=False)
    assert debounce.due() == 10.0 + WAITS.quiet


def test_a_burst_waits_longer_the_longer_it_lasts_but_not_for_ever() -> None:
    debounce = Debounce(WAITS)
    for step in range(1000):
        debounce.heard(10.0 + step * 0.003, endpoints_only=False)
    assert debounce.due() == 10.0 + WAITS.longest


def test_endpoints_alone_do_not_wait() -> None:
    debounce = Debounce(WAITS)
    debounce.heard(10.0, endpoints_only=True)
    assert debounce.due() == 10.0


def test_endpoints_are_pushed_no_faster_than_pushes_can_be_made() -> None:
    debounce = Debounce(WAITS)
    debounce.pushed(10.0, cost=0.3)
    debounce.heard(10.1, endpoints_only=True)
    assert debounce.due() == 10.3


def test_endpoints_that_join_a_configuration_change_go_with_it() -> None:
    debounce = Debounce(WAITS)
    debounce.heard(10.0, endpoints_only=False)
    debounce.heard(10.001, endpoints_only=True)
    assert debounce.due() == 10.001 + 2 * WAITS.quiet


@given(st.lists(st.tuples(st.floats(0, 0.05), st.booleans()), min_size=1, max_size=200))
def test_nothing_waits_longer_than_the_longest_wait(steps: list[tuple[float, bool]]) -> None:
    debounce, now = Debounce(WAITS), 0.0
    for pause, endpoints in steps:
        now += pause
        due = debounce.due()
        if due is not None and due <= now:
            assert debounce.first is not None
            assert due - debounce.first <= WAITS.longest
            debounce.pushed(now, cost=0.0)
        debounce.heard(now, endpoints_only=endpoints)
    assert debounce.due() is not None


def test_requests_beyond_the_rate_wait_their_turn() -> None:
    pace = Pace(rate=10, burst=2, now=0.0)
    assert [pace.delay(0.0) for _ in range(4)] == [0, 0, 0.1, 0.2]
    assert pace.delay(60.0) == 0
