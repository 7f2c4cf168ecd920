"""Which of Envoy's statistics exist and how their names split into tags.

Envoy would otherwise make thousands per cluster: as in Istio everything is rejected but an inclusion list, which pods widen by annotation or ProxyConfig.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

REQUIRED_PREFIXES: Final = ("cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm", "component", "istio")
"""Read by readiness, by drain, and by dashboards; `wasmcustom` and `istio` hold the standard metrics."""
REQUIRED_SUFFIXES: Final = ("rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied", "downstream_cx_active")
REQUIRED_REGEXES: Final = (r"vhost\..*\.route\..*",)

_ADDRESS: Final = r"[_.\[\]a-fA-F[:digit:]]*"
_TAGS: Final = (
    # A prefix that ends in `;` is whole; others end at the first dot, or behind the domain of a Kubernetes service.
    ("cluster_name", r"^cluster\.(([^;]+);\.)"),
    ("cluster_name", r"^cluster\.(?!.*;\.)((.+?(\..+?\.svc\.cluster\.local)?)\.)"),
    ("tcp_prefix", r"^tcp\.(([^;]+);\.)"),
    ("tcp_prefix", r"^tcp\.(?!.*;\.)((.*?)\.)\w+?$"),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    ("http_conn_manager_listener_prefix", r"^listener(?=\.).*?\.http\.(([^;]+);\.)"),
    ("http_conn_manager_listener_prefix", rf"^listener(?=\.)(?!.*;\.).*?\.http\.(({_ADDRESS})\.)"),
    ("http_conn_manager_prefix", r"^http\.(([^;]+);\.)"),
    ("http_conn_manager_prefix", rf"^http\.(?!.*;\.)(({_ADDRESS})\.)"),
    ("listener_address", rf"^listener\.(({_ADDRESS})\.)"),
    ("mongo_prefix", r"^mongo\.(.+?)\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$"),
    ("cache", r"(cache\.(.+?)\.)"),
    ("component", r"(component\.(.+?)\.)"),
    ("tag", r"(tag\.(.+?);\.)"),
    ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
    ("authz_enforce_result", r"rbac(\.(allowed|denied))"),
    ("authz_dry_run_action", r"(\.istio_dry_run_(allow|deny)_)"),
    ("authz_dry_run_result", r"(\.shadow_(allowed|denied))"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsSettings:
    """What a pod adds (ProxyConfig `proxyStatsMatcher`, `extraStatTags`, annotations `sidecar.istio.io/stats…`); buckets as (prefix, bounds)."""

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    extra_tags: tuple[str, ...] = ()
    buckets: tuple[tuple[str, tuple[float, ...]], ...] = ()


def stats_config(settings: StatsSettings) -> Json:
    found: Json = {
        "use_all_default_tags": False,
        "stats_tags": [*_tags(), *(_extra_tag(tag) for tag in settings.extra_tags)],
        "stats_matcher": {"inclusion_list": {"patterns": _patterns(settings)}},
    }
    if settings.buckets:
        found["histogram_bucket_settings"] = [{"match": {"prefix": prefix}, "buckets": list(bounds)} for prefix, bounds in settings.buckets]
    return found


def _tags() -> list[Json]:
    return [{"tag_name": name, "regex": regex} for name, regex in _TAGS]


def _extra_tag(tag: str) -> Json:
    return {"tag_name": tag, "regex": rf"({tag}=\.=(.*?);\.;)"}


def _patterns(settings: StatsSettings) -> list[Json]:
    prefixes = _unique((*REQUIRED_PREFIXES, *settings.prefixes))
    suffixes = _unique((*REQUIRED_SUFFIXES, *settings.suffixes))
    regexes = _unique((*REQUIRED_REGEXES, *settings.regexes))
    return [
        *({"prefix": prefix} for prefix in prefixes),
        *({"suffix": suffix} for suffix in suffixes),
        *({"safe_regex": {"regex": regex}} for regex in regexes),
    ]


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
