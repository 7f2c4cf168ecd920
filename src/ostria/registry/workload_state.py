"""Pods, WorkloadEntries and Nodes as they are now, found by name, by address and by labels."""

from collections.abc import Iterator
from dataclasses import fields

from ostria.api.kubernetes.node import Node
from ostria.api.kubernetes.pod import Pod
from ostria.api.meta import ObjectKey
from ostria.api.networking.workload_entry import WorkloadEntry
from ostria.config.store import Stored
from ostria.registry import locality, workloads
from ostria.registry.indexes import LabelIndex, Multimap, Table
from ostria.registry.model import Locality, Workload

_FIELDS = tuple(f.name for f in fields(Workload))


class WorkloadState:
    """Every method that takes an object returns the workloads that changed, as (old, new) pairs; equal content is no change."""

    def __init__(self) -> None:
        self.table: Table[ObjectKey, Workload] = Table()
        self.by_address: Table[str, tuple[ObjectKey, ...]] = Table()
        self._labels: LabelIndex[ObjectKey] = LabelIndex()
        self._at: Multimap[str, ObjectKey] = Multimap()
        self._pods: dict[ObjectKey, Pod] = {}
        self._pods_on: Multimap[str, ObjectKey] = Multimap()
        self._nodes: dict[str, Node] = {}
        self._entries: dict[ObjectKey, WorkloadEntry] = {}

    def pod(self, name: str) -> Workload | None:
        """By NAMESPACE/NAME."""
        namespace, _, pod = name.partition("/")
        return self.table.get(ObjectKey("Pod", namespace, pod))

    def at(self, address: str) -> Workload | None:
        """The workload that has the address for itself; pods on the host's network share theirs."""
        found = [w for key in sorted(self._at.get(address)) if (w := self.table.get(key)) is not None and not w.host_network]
        return found[0] if found else None

    def locality(self, node: str) -> Locality:
        known = self._nodes.get(node)
        return locality.of_node(known.metadata.labels) if known else Locality()

    def select(self, namespace: str, selector: dict[str, str]) -> Iterator[tuple[Workload, WorkloadEntry | None]]:
        """Workloads with those labels; with the entry behind one that is not a pod."""
        for key in self._labels.find(namespace, selector):
            if (workload := self.table.get(key)) is not None:
                yield workload, self._entries.get(key)

    def entry(self, key: ObjectKey) -> WorkloadEntry | None:
        return self._entries.get(key)

    def put_node(self, key: ObjectKey, new: Stored | None) -> Iterator[tuple[Workload | None, Workload | None]]:
        node = new.object if new else None
        if isinstance(node, Node):
            self._nodes[key.name] = node
        else:
            self._nodes.pop(key.name, None)
        for pod_key in sorted(self._pods_on.get(key.name)):
            pod = self._pods[pod_key]
            yield from self._replace(pod_key, workloads.of_pod(pod, self._nodes.get(key.name)))

    def put_pod(self, key: ObjectKey, new: Stored | None) -> Iterator[tuple[Workload | None, Workload | None]]:
        if (old := self._pods.pop(key, None)) is not None:
            self._pods_on.discard(old.spec.node_name, key)
        pod = new.object if new else None
        if not isinstance(pod, Pod):
            yield from self._replace(key, None)
            return
        self._pods[key] = pod
        self._pods_on.add(pod.spec.node_name, key)
        yield from self._replace(key, workloads.of_pod(pod, self._nodes.get(pod.spec.node_name)))

    def put_entry(self, key: ObjectKey, new: Stored | None) -> Iterator[tuple[Workload | None, Workload | None]]:
        entry = new.object if new else None
        if isinstance(entry, WorkloadEntry):
            self._entries[key] = entry
            yield from self._replace(key, workloads.of_entry(entry), always=True)
        else:
            self._entries.pop(key, None)
            yield from self._replace(key, None)

    def _replace(self, key: ObjectKey, new: Workload | None, always: bool = False) -> Iterator[tuple[Workload | None, Workload | None]]:
        """`always`: what is behind the workload may have changed though its own content has not (an entry's ports and weight)."""
        old = self.table.get(key)
        if old is not None and new is not None and _same(old, new):
            if always:
                yield old, old
            return
        for address in old.addresses if old else ():
            self._at.discard(address, key)
            self.by_address.put(address, tuple(sorted(self._at.get(address))) or None)
        self.table.put(key, new)
        if new is None:
            self._labels.drop(key)
        else:
            self._labels.put(key, new.namespace, new.labels)
            for address in new.addresses:
                self._at.add(address, key)
                self.by_address.put(address, tuple(sorted(self._at.get(address))))
        if old is not new:
            yield old, new


def _same(a: Workload, b: Workload) -> bool:
    return all(getattr(a, name) == getattr(b, name) for name in _FIELDS)
