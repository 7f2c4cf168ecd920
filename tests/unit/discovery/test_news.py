"""What is wrong is said once, when it is new, and again when it comes back."""

import logging

import pytest

from ostria.api.meta import ObjectKey
from ostria.api.problem import Problem
from ostria.discovery.news import News
from ostria.snapshot.dangling import Dangling

LOST = Dangling(ObjectKey("VirtualService", "default", "web", rule=1), "host", "gone", "host gone is no service", "declare it")
BAD = Problem(path="a.yaml", line=3, column=1, message="no such field")


def test_each_thing_is_said_once_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    lost: list[Dangling] = [LOST]
    news = News(lambda: [BAD], lambda: lost, lambda key: "web.yaml:7" if key.rule is None else "")
    with caplog.at_level(logging.WARNING):
        news.tell()
        news.tell()
        assert caplog.messages == [
            "a.yaml:3:1: error: no such field",
            "web.yaml:7: VirtualService default/web: rule 1: host gone is no service (hint: declare it)",
        ]
        caplog.clear()
        lost.clear()
        news.tell()
        lost.append(LOST)
        news.tell()
        assert len(caplog.messages) == 1
