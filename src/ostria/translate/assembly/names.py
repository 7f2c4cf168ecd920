"""The name table of a view, for agents that answer DNS."""

from collections.abc import Mapping

from ostria.snapshot.name_table import Name
from ostria.translate import nametable
from ostria.translate.assembly.shelf import Item, Shelf
from ostria.translate.names import NDS
from ostria.translate.prepared import Prepared
from ostria.translate.workshop import Workshop


class NameAssembly:
    def __init__(self, workshop: Workshop) -> None:
        self.table = Shelf(NDS)
        self._workshop = workshop

    def renew(self, names: tuple[Name, ...]) -> Mapping[str, Prepared]:
        outcome = self._workshop.make(NDS, names, lambda: nametable.build(names))
        return self.table.fill([Item(nametable.NAME, outcome)])
