"""Rules for Telemetry."""

from collections.abc import Iterator

from ostria.api.problem import Issue
from ostria.api.telemetry.telemetry import Telemetry
from ostria.config.validate.selectors import match_labels_issues, one_target_issues


def telemetry_issues(telemetry: Telemetry) -> Iterator[Issue]:
    spec = telemetry.spec
    yield from one_target_issues(spec.selector, spec.target_ref, spec.target_refs)
    yield from match_labels_issues(spec.selector)
    for number, logging in enumerate(spec.access_logging):
        for index, provider in enumerate(logging.providers):
            if not provider.name:
                yield Issue(("spec", "accessLogging", number, "providers", index, "name"), "the provider's name is empty")
        if logging.filter is not None and not logging.filter.expression:
            yield Issue(("spec", "accessLogging", number, "filter"), "the filter has no expression", "add expression: response.code >= 400")
