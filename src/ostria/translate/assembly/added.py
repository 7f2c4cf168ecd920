"""Whole resources that EnvoyFilters bring."""

from collections.abc import Iterator
from functools import partial

from ostria.translate.assembly.shelf import Item
from ostria.translate.built import Built
from ostria.translate.patches import Patches
from ostria.translate.workshop import Workshop


def added(workshop: Workshop, type_url: str, patches: Patches | None) -> Iterator[Item]:
    for position, built in enumerate(patches.added() if patches is not None else ()):
        outcome = workshop.make(type_url, (patches, position), partial(_given, built))
        yield Item(built.name, outcome, built.origins)


def _given(built: Built) -> Built:
    return built
