"""Histograms without locks say what the library's own would."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from ostria.discovery.tallies import Tallies

BOUNDS = (0.01, 0.1, 1, 1e4)


@given(st.lists(st.one_of(st.sampled_from(BOUNDS), st.floats(0, 1e6)), max_size=20))
def test_prometheus_reads_the_same(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tallies, histogram = (
        Tallies("seconds", "Time", BOUNDS, "type"),
        Histogram("seconds", "Time", ("type",), registry=theirs, buckets=BOUNDS),
    )
    ours.register(tallies)
    for value in values:
        tallies.of("cds").observe(value)
        histogram.labels("cds").observe(value)
    said = [line for line in generate_latest(theirs).decode().splitlines() if "_created" not in line]
    assert generate_latest(ours).decode().splitlines() == said


def test_without_a_label_there_is_one() -> None:
    registry = CollectorRegistry()
    tallies = Tallies("seconds", "Time", BOUNDS)
    registry.register(tallies)
    tallies.of().observe(0.05)
    assert registry.get_sample_value("seconds_bucket", {"le": "0.1"}) == 1
    assert registry.get_sample_value("seconds_bucket", {"le": "0.01"}) == 0
    assert registry.get_sample_value("seconds_count") == 1
