"""Where the app's own metrics are, as its pod's annotations say. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMetrics:
    port: int
    path: str = "/metrics"


class AnnotationError(ValueError):
    """The annotations of the app's metrics can't be read."""


def app_metrics(annotations: str, reserved: tuple[int, ...]) -> AppMetrics | None:
    """`ISTIO_PROMETHEUS_ANNOTATIONS`: the pod's own `prometheus.io/…`, as JSON. Ports of proxy and agent would scrape in circles."""
    if not annotations.strip():
        return None
    try:
        found: Mapping[str, str] = json.loads(annotations)
        if str(found.get("scrape", "")).lower() != "true":
            return None
        port = int(found.get("port") or 80)
    except (ValueError, AttributeError, TypeError) as error:
        raise AnnotationError(f"ISTIO_PROMETHEUS_ANNOTATIONS: {error}") from None
    if port in reserved or not 1 <= port <= 65535:
        raise AnnotationError(f"prometheus.io/port {port} belongs to the proxy: name the app's own port")
    return AppMetrics(port=port, path="/" + (found.get("path") or "/metrics").removeprefix("/"))
