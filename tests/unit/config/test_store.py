"""The store: one good version of every object, in a fixed order, and news only of what changed."""

import pytest

from ostria.api.kubernetes.namespace import Namespace
from ostria.api.kubernetes.service import Service, ServicePort, ServiceSpec
from ostria.api.meta import ObjectKey, ObjectMeta
from ostria.config.memory import MemorySource
from ostria.config.store import Change, Origin, Store, stored


def service(name: str, *, created: str | None = None, namespace: str = "", port: int = 80) -> Service:
    meta = ObjectMeta(name=name, namespace=namespace, creation_timestamp=created)
    return Service(api_version="v1", kind="Service", metadata=meta, spec=ServiceSpec(ports=(ServicePort(port=port),)))


@pytest.fixture
def store() -> Store:
    return Store()


def test_objects_are_listed_by_age_then_name_then_namespace(store: Store) -> None:
    source = MemorySource(store)
    source.put(
        service("young", created="2026-02-01T00:00:00Z"),
        service("old", created="2026-01-01T01:00:00+02:00"),
        service("older", created="2025-12-31T22:30:00Z"),
        service("b"),
        service("a", namespace="z"),
        service("a", namespace="x"),
    )
    assert [(e.key.namespace, e.key.name) for e in store.list("Service")] == [
        ("x", "a"),
        ("z", "a"),
        ("default", "b"),
        ("default", "older"),
        ("default", "old"),
        ("default", "young"),
    ]
    assert store.kinds() == ("Service",)


def test_subscribers_hear_each_batch_once_until_they_leave(store: Store) -> None:
    heard: list[tuple[Change, ...]] = []
    leave = store.subscribe(heard.append)
    source = MemorySource(store)
    source.put(service("a"), service("b"))
    source.put(service("a"))
    source.delete([ObjectKey("Service", "default", "a"), ObjectKey("Service", "default", "nobody")])
    leave()
    source.put(service("c"))
    assert [[(c.key.name, c.old is None, c.new is None) for c in batch] for batch in heard] == [
        [("a", True, False), ("b", True, False)],
        [("a", False, True)],
    ]


def test_a_moved_object_has_a_new_origin_and_is_the_same_object(store: Store) -> None:
    first = stored(service("a", namespace="x"), Origin("a.yaml", 1, 1))
    again = stored(service("a", namespace="x"), Origin("b.yaml", 7, 1))
    store.apply([Change(first.key, None, first)])
    store.apply([Change(again.key, None, again)])
    entry = store.get(first.key)
    assert entry is not None
    assert str(entry.origin) == "b.yaml:7:1"
    assert entry.object is first.object


def test_a_rule_of_an_object_leads_to_the_object(store: Store) -> None:
    MemorySource(store).put(service("a"))
    assert store.get(ObjectKey("Service", "default", "a", 3)) is not None


def test_kinds_of_the_whole_cluster_have_no_namespace(store: Store) -> None:
    MemorySource(store).put(Namespace(api_version="v1", kind="Namespace", metadata=ObjectMeta(name="a", namespace="b")))
    assert store.get(ObjectKey("Namespace", "", "a")) is not None
