"""A resource is spoilt by its name, and only while it holds the text."""

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from ostria.translate.tamper import tamper

ORDER = "outbound|80||web=seconds: 7"


def seconds(name: str, timeout: int) -> int:
    message = Cluster(name=name)
    message.connect_timeout.seconds = timeout
    return tamper(ORDER)(name, message).connect_timeout.seconds  # type: ignore[attr-defined,no-any-return]


def test_the_named_one_while_it_holds_the_text() -> None:
    assert seconds("outbound|80||web", 7) == -1
    assert seconds("outbound|80||web", 8) == 8
    assert seconds("outbound|81||web", 7) == 7


@pytest.mark.parametrize("order", ["", "name", "=text", "name="])
def test_what_is_no_order(order: str) -> None:
    with pytest.raises(ValueError, match="NAME=TEXT"):
        tamper(order)
