"""Which rules judge which kind: one list."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ostria.api.meta import Resource
from ostria.api.problem import Issue
from ostria.config.validate.metadata import metadata_issues

_RULES: Mapping[type[Resource], Callable[[Any], Iterator[Issue]]] = {}


def validate(resource: Resource) -> Iterator[Issue]:
    """Every issue of one object, in the order of its fields as far as that is sensible."""
    yield from metadata_issues(resource)
    rules = _RULES.get(type(resource))
    if rules is not None:
        yield from rules(resource)
