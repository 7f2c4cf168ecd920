"""Three minutes of steady change for two hundred proxies: nothing is lost, nothing is sent twice, and nothing piles up."""

from pathlib import Path

import pytest
from tests.scale.soak import soak

GROWS_AT_MOST = 0.08
"""From the third quarter to the last; for a heap of two minutes, which is still settling. Half an hour (`python -m tests.scale.soak --minutes 30`) stays within 5 %."""


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_three_minutes_of_steady_change_lose_nothing_and_keep_nothing(tmp_path: Path) -> None:
    report = await soak(tmp_path, minutes=3, proxies=200, services=150)
    assert report.lost == [], "every proxy holds what a new one is given"
    assert (report.repeats, report.broken) == (0, 0), "nobody is sent what he has, and versions are what they say"
    assert (report.complaints, report.internal_errors, report.refusals) == ([], 0, 0)
    assert report.endpoint_changes >= 3_000, "the machine kept up with the changes"
    assert report.reconnects >= 150
    assert report.calls >= 300
    assert abs(report.grown) < GROWS_AT_MOST, report.memory_mb
