"""Rules for the controllers that make pods, and for Pod."""

from collections.abc import Iterator

from ostria.api.kubernetes.daemon_set import DaemonSet
from ostria.api.kubernetes.deployment import Deployment
from ostria.api.kubernetes.job import Job
from ostria.api.kubernetes.pod import Pod, PodTemplateSpec
from ostria.api.kubernetes.selector import Requirement, Selector
from ostria.api.kubernetes.stateful_set import StatefulSet
from ostria.api.problem import Issue, Path
from ostria.config.validate.names import label_issues, under
from ostria.config.validate.pods import pod_issues


def controller_issues(controller: Deployment | StatefulSet | DaemonSet) -> Iterator[Issue]:
    spec = controller.spec
    yield from under(("spec", "selector"), _selector(spec.selector, spec.template))
    yield from under(("spec", "template"), _template(spec.template))
    if spec.template.spec.restart_policy != "Always":
        yield Issue(
            ("spec", "template", "spec", "restartPolicy"), f"the pods of a {controller.kind} are always restarted", "write a Job instead"
        )


def job_issues(job: Job) -> Iterator[Issue]:
    yield from under(("spec", "template"), _template(job.spec.template))
    if job.spec.template.spec.restart_policy == "Always":
        yield Issue(("spec", "template", "spec"), "the pods of a Job end", "add restartPolicy: Never or OnFailure")
    if job.spec.completion_mode == "Indexed" and job.spec.completions is None:
        yield Issue(("spec", "completions"), "an Indexed Job needs completions")


def single_pod_issues(pod: Pod) -> Iterator[Issue]:
    yield from under(("spec",), pod_issues(pod.spec))


def _selector(selector: Selector, template: PodTemplateSpec) -> Iterator[Issue]:
    yield from label_issues(selector.match_labels, ("matchLabels",))
    for index, requirement in enumerate(selector.match_expressions):
        yield from under(("matchExpressions", index), _requirement(requirement))
    if selector == Selector():
        yield Issue((), "the selector is empty", "add matchLabels: the labels of the template")
    elif not selector.matches(template.metadata.labels):
        yield Issue((), "the selector does not select the pods of the template", "give the template's metadata the same labels")


def _requirement(requirement: Requirement) -> Iterator[Issue]:
    needs_values = requirement.operator in ("In", "NotIn")
    if needs_values != bool(requirement.values):
        yield Issue(("values",), f"{requirement.operator} {'needs' if needs_values else 'takes no'} values")


def _template(template: PodTemplateSpec) -> Iterator[Issue]:
    path: Path = ("metadata", "labels")
    yield from label_issues(template.metadata.labels, path)
    yield from under(("spec",), pod_issues(template.spec))
