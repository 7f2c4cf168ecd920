"""Rules for ProxyConfig."""

from collections.abc import Iterator

from ostria.api.networking.proxy_config import ProxyConfig
from ostria.api.problem import Issue
from ostria.config.validate.selectors import match_labels_issues


def proxy_config_issues(config: ProxyConfig) -> Iterator[Issue]:
    yield from match_labels_issues(config.spec.selector)
    for name, value in config.spec.environment_variables.items():
        if not name or "=" in name or "\0" in name + value:
            yield Issue(("spec", "environmentVariables", name), f"{name!r} is not a name for an environment variable")
