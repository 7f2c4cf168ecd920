"""Every field of every kind is honoured, without meaning or refused, and in one of the three tables only."""

from collections.abc import Iterator

from msgspec import structs

from ostria.api.honoured import HONOURED
from ostria.api.kinds import KINDS
from ostria.api.kubernetes.container import Container, ContainerPort, SecurityContext
from ostria.api.kubernetes.pod import PodSpec
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.meta import Message
from ostria.api.support import NO_MEANING, REFUSED
from ostria.api.uses import messages_in, refused, without_meaning


def reachable() -> Iterator[type[Message]]:
    """Every message type that an object may hold, but those inside a field that is refused or means nothing."""
    waiting: list[type[Message]] = [*(kind.type for kind in KINDS), MeshConfig]
    seen: set[type[Message]] = set()
    while waiting:
        message = waiting.pop()
        if message in seen:
            continue
        seen.add(message)
        yield message
        closed = {*REFUSED.get(message, ()), *NO_MEANING.get(message, ())}
        waiting += (inner for f in structs.fields(message) if f.encode_name not in closed for inner in messages_in(f.type))


def test_every_field_is_in_exactly_one_table() -> None:
    for message in reachable():
        fields = {f.encode_name for f in structs.fields(message)}
        tables = [set(HONOURED.get(message, ())), set(NO_MEANING.get(message, ())), set(REFUSED.get(message, ()))]
        assert set.union(*tables) == fields, f"{message.__name__}: {set.union(*tables) ^ fields}"
        assert sum(map(len, tables)) == len(fields), f"{message.__name__} has a field in two tables"


def test_the_tables_name_nothing_that_no_object_can_hold() -> None:
    types = set(reachable())
    assert {m for table in (HONOURED, NO_MEANING, REFUSED) for m in table} <= types


def test_a_refused_field_is_named_with_its_path_and_reason() -> None:
    pod = PodSpec(
        host_network=True,
        containers=(
            Container(name="a", ports=(ContainerPort(container_port=80, host_port=80),), security_context=SecurityContext(privileged=True)),
        ),
    )
    issues = {i.path: i.hint for i in refused(pod)}
    assert set(issues) == {("hostNetwork",), ("containers", 0, "ports", 0, "hostPort"), ("containers", 0, "securityContext", "privileged")}
    assert all(issues.values())


def test_a_refused_field_may_be_false() -> None:
    pod = PodSpec(host_network=False, containers=(Container(name="a", security_context=SecurityContext(privileged=False)),))
    assert list(refused(pod)) == []


def test_a_setting_that_is_on_by_default_is_used_when_it_is_off() -> None:
    assert [path for path, _ in without_meaning(MeshConfig(enable_tracing=False))] == [("enableTracing",)]


def test_fields_without_meaning_are_listed() -> None:
    pod = PodSpec(priority=3, containers=(Container(name="a", image_pull_policy="Always", resources={"limits": {"cpu": 1}}),))
    assert {path for path, _ in without_meaning(pod)} == {
        ("priority",),
        ("containers", 0, "imagePullPolicy"),
        ("containers", 0, "resources"),
    }
