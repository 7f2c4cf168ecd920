"""Extension configurations that EnvoyFilters bring and proxies ask for by name (ECDS)."""

from ostria.translate.assembly.added import added
from ostria.translate.assembly.shelf import Shelf
from ostria.translate.names import ECDS
from ostria.translate.patches import Patches
from ostria.translate.workshop import Workshop


class ExtensionAssembly:
    def __init__(self, workshop: Workshop) -> None:
        self.extensions = Shelf(ECDS)
        self._workshop = workshop

    def renew(self, patches: Patches | None) -> None:
        self.extensions.fill(added(self._workshop, ECDS, patches))
