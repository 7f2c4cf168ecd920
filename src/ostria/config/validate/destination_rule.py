"""Rules for DestinationRule."""

from collections.abc import Iterator

from ostria.api.networking.destination_rule import DestinationRule
from ostria.api.problem import Issue
from ostria.config.validate.names import is_host_label, is_wildcard_host, label_issues, under
from ostria.config.validate.selectors import export_issues, match_labels_issues
from ostria.config.validate.traffic_policy import traffic_policy_issues


def destination_rule_issues(rule: DestinationRule) -> Iterator[Issue]:
    spec = rule.spec
    if not is_wildcard_host(spec.host):
        yield Issue(("spec", "host"), f"{spec.host!r} is not a host", "write a service's name, or a name that begins with *.")
    yield from under(("spec", "trafficPolicy"), traffic_policy_issues(spec.traffic_policy))
    seen: set[str] = set()
    for index, subset in enumerate(spec.subsets):
        path = ("spec", "subsets", index)
        if not is_host_label(subset.name):
            yield Issue((*path, "name"), f"{subset.name!r} is not a name for a subset", "letters, digits and dashes, 63 at most")
        if subset.name in seen:
            yield Issue((*path, "name"), f"the subset {subset.name!r} is there twice")
        seen.add(subset.name)
        yield from label_issues(subset.labels, (*path, "labels"))
        yield from under((*path, "trafficPolicy"), traffic_policy_issues(subset.traffic_policy))
    yield from export_issues(spec.export_to, rule.metadata.namespace)
    yield from match_labels_issues(spec.workload_selector, ("spec", "workloadSelector"))
    if spec.workload_selector is not None and set(spec.export_to) - {".", rule.metadata.namespace}:
        yield Issue(("spec", "exportTo"), "a rule with a workloadSelector is for its own namespace only", 'remove exportTo or write "."')
