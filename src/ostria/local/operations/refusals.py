"""Which proxies do not run what the files say, by the control plane's page `/debug/problems`. Pure.

Envoy is up and answers its probe although it refused a listener: without a look at what it refused, a mesh whose ports are closed would pass for healthy.
"""

from collections.abc import Mapping
from typing import Any


def refusals(page: Mapping[str, Any]) -> dict[str, str]:
    """Proxy (`NAME.NAMESPACE`) → what its Envoy refuses at the moment, in one line; Envoy's own words stand among the problems."""
    found: dict[str, list[str]] = {}
    for each in page.get("refused", ()):
        found.setdefault(each["proxy"], []).append(_resource(each))
    return {proxy: f"its Envoy refuses {', '.join(dict.fromkeys(resources))}" for proxy, resources in found.items()}


def _resource(found: Mapping[str, Any]) -> str:
    at = next((origin["at"] for origin in reversed(found["origins"]) if origin["at"]), "")
    return f"{found['type'].rpartition('.')[2]} {found['resource']}" + (f" ({at})" if at else "")
