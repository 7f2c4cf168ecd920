"""A proxy's resources prove themselves: names are unique, and what they refer to is there.

A route may name a cluster that is missing (the proxy answers 503, as under Istio); endpoints, route configurations and secrets may not be
missing, because what waits for them would not start.
"""

from collections.abc import Iterable, Iterator, Mapping

from ostria.translate.assembly.shelf import Problem
from ostria.translate.names import EDS, RDS, SDS
from ostria.translate.prepared import ResourceSet

_MUST_RESOLVE = (EDS, RDS, SDS)


def problems(sets: Iterable[ResourceSet]) -> Iterator[Problem]:
    """`sets` are all of one proxy, one for each type."""
    by_type = {each.type_url: each for each in sets}
    for each in by_type.values():
        yield from _twice(each)
        yield from _unresolved(each, by_type)


def _twice(each: ResourceSet) -> Iterator[Problem]:
    for name in each.own.keys() & each.shared.keys():
        words = "the name stands both among the shared and among the proxy's own resources"
        yield Problem(type_url=each.type_url, name=name, origins=each.own[name].origins, words=words)


def _unresolved(each: ResourceSet, by_type: Mapping[str, ResourceSet]) -> Iterator[Problem]:
    for prepared in each:
        for type_url, name in prepared.requires:
            target = by_type.get(type_url)
            if type_url in _MUST_RESOLVE and (target is None or target.get(name) is None):
                words = f"it refers to {type_url.rpartition('.')[2]} {name}, which is not there"
                yield Problem(type_url=each.type_url, name=prepared.name, origins=prepared.origins, words=words)
