"""Deployments and their kin ask for pods; what has to happen next follows from those that there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.local.pods import deployment, template

from ostria.api.kubernetes.job import Job, JobSpec
from ostria.api.kubernetes.selector import Selector
from ostria.api.kubernetes.stateful_set import StatefulSet, StatefulSetSpec
from ostria.api.meta import ObjectMeta
from ostria.local.controllers.plan import Existing, decide


def settle(owner, existing=(), *, ready=True, rounds=50):
    """Run decisions until nothing is left to do; every pod started becomes ready at once."""
    pods = list(existing)
    fewest = 10**6
    for _ in range(rounds):
        decision = decide(owner, pods)
        if not decision.start and not decision.stop:
            return pods, fewest
        pods = [p for p in pods if p.plan.key not in decision.stop]
        fewest = min(fewest, sum(p.ready for p in pods))
        names = {p.plan.name for p in pods}
        pods += [Existing(plan=plan, ready=ready) for plan in decision.start if plan.name not in names]
    raise AssertionError("never settles")


def test_a_deployment_gets_its_replicas_with_names_as_in_kubernetes():
    pods, _ = settle(deployment(replicas=3))
    names = [p.plan.name for p in pods]
    assert len(set(names)) == 3
    for name in names:
        owner, version, suffix = name.rsplit("-", 2)
        assert (owner, len(version), len(suffix)) == ("web", 9, 5)
        assert pods[0].plan.template.metadata.labels["pod-template-hash"] == version


def test_the_same_files_give_the_same_names():
    assert [p.plan for p in settle(deployment(replicas=2))[0]] == [p.plan for p in settle(deployment(replicas=2))[0]]


def test_an_update_rolls_without_losing_capacity():
    before, _ = settle(deployment(image="app:1"))
    first = decide(deployment(image="app:2"), before)
    assert len(first.start) == 1
    assert not first.stop, "the old pod stays until the new one is ready"
    after, fewest = settle(deployment(image="app:2"), before)
    assert fewest >= 1
    assert {p.plan.version for p in after} != {p.plan.version for p in before}


def test_an_update_that_never_becomes_ready_keeps_the_old_pods():
    before, _ = settle(deployment(image="app:1", replicas=2))
    pods = list(before)
    for _ in range(10):
        decision = decide(deployment(image="broken", replicas=2), pods)
        pods = [p for p in pods if p.plan.key not in decision.stop] + [Existing(plan=plan, ready=False) for plan in decision.start]
    assert sum(p.ready for p in pods) == 2


def test_recreate_stops_everything_first():
    before, _ = settle(deployment(image="app:1", replicas=2, strategy={"type": "Recreate"}))
    decision = decide(deployment(image="app:2", replicas=2, strategy={"type": "Recreate"}), before)
    assert len(decision.stop) == 2
    assert not decision.start


@given(
    before=st.integers(0, 6),
    after=st.integers(0, 6),
    changed=st.booleans(),
    surge=st.sampled_from([0, 1, "25%", "100%"]),
    away=st.sampled_from([0, 1, "50%"]),
)
def test_every_rollout_ends_with_exactly_what_is_asked_for(before, after, changed, surge, away):
    pods, _ = settle(deployment(replicas=before))
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": away}}
    pods, _ = settle(deployment(replicas=after, image="app:2" if changed else "app:1", strategy=strategy), pods)
    assert len(pods) == after
    assert len({p.plan.version for p in pods}) <= 1


def stateful(replicas, image="db:1", **spec):
    found = StatefulSetSpec(
        replicas=replicas, selector=Selector(match_labels={"app": "db"}), template=template(image), service_name="db", **spec
    )
    return StatefulSet(api_version="apps/v1", kind="StatefulSet", metadata=ObjectMeta(name="db", namespace="default"), spec=found)


def test_a_stateful_set_starts_in_order_and_waits_for_each():
    decision = decide(stateful(3), [])
    assert [plan.name for plan in decision.start] == ["db-0"]
    waiting = [Existing(plan=decision.start[0], ready=False)]
    assert not decide(stateful(3), waiting).start
    ready = [Existing(plan=decision.start[0], ready=True)]
    assert [plan.name for plan in decide(stateful(3), ready).start] == ["db-1"]


def test_a_stateful_set_updates_from_the_highest():
    pods, _ = settle(stateful(3))
    assert decide(stateful(3, "db:2"), pods).stop == (("default", "db-2"),)


def job(completions, parallelism=1, backoff=6):
    spec = JobSpec(template=template(restart_policy="Never"), completions=completions, parallelism=parallelism, backoff_limit=backoff)
    return Job(api_version="batch/v1", kind="Job", metadata=ObjectMeta(name="once", namespace="default"), spec=spec)


def test_a_job_runs_until_enough_pods_have_succeeded():
    pods = []
    for _ in range(3):
        started = decide(job(3), pods).start
        assert len(started) == 1
        pods.append(Existing(plan=started[0], ready=False, finished=True))
    assert not decide(job(3), pods).start


@pytest.mark.parametrize("failures", [1, 2])
def test_a_job_gives_up_after_its_backoff_limit(failures):
    pods = []
    for _ in range(failures):
        (plan,) = decide(job(1, backoff=1), pods).start
        pods.append(Existing(plan=plan, ready=False, finished=False))
    assert bool(decide(job(1, backoff=1), pods).start) is (failures < 2)
