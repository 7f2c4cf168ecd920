"""Routes that no request can reach, because an earlier one takes everything they would."""

from collections.abc import Iterator, Sequence

from msgspec import structs

from ostria.api.networking.virtual_service import HTTPMatchRequest, HTTPRoute, TCPRoute, TLSRoute
from ostria.api.problem import Issue
from ostria.config.validate.names import warning


def unreachable_issues(field: str, routes: Sequence[HTTPRoute | TLSRoute | TCPRoute]) -> Iterator[Issue]:
    catch_all: int | None = None
    seen: dict[object, int] = {}
    for number, route in enumerate(routes):
        path = ("spec", field, number)
        if not route.match:
            if catch_all is not None:
                yield warning(path, f"never used: rule {catch_all} already takes every request", "only the last rule can have no match")
            catch_all = number if catch_all is None else catch_all
            continue
        duplicates = 0
        for index, match in enumerate(route.match):
            nameless = structs.replace(match, name=None) if isinstance(match, HTTPMatchRequest) else match
            if (earlier := seen.get(repr(nameless))) is not None:
                yield warning((*path, "match", index), f"never used: rule {earlier} has the same match")
                duplicates += 1
            else:
                seen[repr(nameless)] = number
        if duplicates == len(route.match):
            yield warning(path, "never used: earlier rules have all its matches")
