"""Which pods a person means by WORKLOAD: `deploy/NAME`, `NAME`, `NAME.NAMESPACE`, or one replica."""

from collections.abc import Iterable

from ostria.local.pods.run import PodRun


class NoSuchWorkload(LookupError):
    """The text names what was asked for and what there is."""


def find(pods: Iterable[PodRun], text: str, namespace: str = "default") -> list[PodRun]:
    """All replicas, the ready ones first. Raise NoSuchWorkload."""
    wanted = text.partition("/")[2] or text
    everyone = sorted((pod for pod in pods if not pod.stopping), key=lambda pod: (not pod.ready, pod.plan.name))
    for name, space in ((wanted, namespace), *_split(wanted)):
        here = [pod for pod in everyone if pod.plan.namespace == space]
        for matches in (
            [pod for pod in here if pod.plan.name == name],
            [pod for pod in here if pod.plan.workload == name],
            [pod for pod in here if pod.plan.template.metadata.labels.get("app") == name],
        ):
            if matches:
                return matches
    known = sorted({f"{pod.plan.workload}.{pod.plan.namespace}" for pod in everyone})
    raise NoSuchWorkload(f"no workload is named {text!r} in namespace {namespace!r}; there are: {', '.join(known) or 'none'}")


def _split(text: str) -> Iterable[tuple[str, str]]:
    """A dot may stand in the name itself, so the namespace is tried last."""
    name, dot, namespace = text.rpartition(".")
    return ((name, namespace),) if dot else ()
