"""A pod's own ProxyConfig, in its annotation."""

import pytest

from ostria.api.scalars import Duration
from ostria.config.proxy_config import ANNOTATION, BadProxyConfig, laid_over, of, written


def test_only_what_is_written_is_laid_over_the_meshs() -> None:
    own = written({ANNOTATION: "concurrency: 2\nproxyMetadata: {A: b}"})
    assert own == {"concurrency": 2, "proxyMetadata": {"A": "b"}}
    joined = laid_over({"concurrency": 1, "proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}}, own)
    assert joined == {"concurrency": 2, "proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true", "A": "b"}}


def test_names_may_be_those_of_the_protocol_buffer_and_the_text_json() -> None:
    assert of({ANNOTATION: '{"termination_drain_duration": "7s"}'}).termination_drain_duration == Duration.parse("7s")


def test_a_pod_without_one_says_nothing() -> None:
    assert written({}) == {}
    assert written({ANNOTATION: ""}) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("concurency: 2", "concurency"),
        ("concurrency: many", "concurrency"),
        ("[1, 2]", "proxy.istio.io/config"),
        ("{", "proxy.istio.io/config"),
        ("concurrency: 1\nconcurrency: 2", "concurrency"),
    ],
)
def test_what_is_no_proxy_config_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(BadProxyConfig, match=said):
        written({ANNOTATION: text})
