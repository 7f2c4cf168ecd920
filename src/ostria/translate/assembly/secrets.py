"""Secrets that a view's clusters and listeners ask the control plane for."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Protocol

from ostria.api.kubernetes.secret import Secret
from ostria.api.meta import ObjectKey
from ostria.config.store import Stored
from ostria.snapshot.view import ViewKey
from ostria.translate import names, secrets
from ostria.translate.assembly.shelf import Item, Shelf
from ostria.translate.prepared import Prepared
from ostria.translate.secrets.material import material
from ostria.translate.workshop import Failed, Workshop


class Secrets(Protocol):
    def secret(self, namespace: str, name: str) -> Stored | None: ...


class SecretAssembly:
    def __init__(self, workshop: Workshop) -> None:
        self.secrets = Shelf(names.SDS)
        self._workshop = workshop

    def renew(self, key: ViewKey, source: Secrets, users: Iterable[Prepared]) -> Mapping[str, Prepared]:
        """`users` are the resources whose references count."""
        wanted: dict[str, tuple[ObjectKey, ...]] = {}
        for user in users:
            for type_url, name in user.requires:
                if type_url == names.SDS:
                    wanted[name] = (*wanted.get(name, ()), *user.origins)
        return self.secrets.fill(self._items(key, source, wanted))

    def _items(self, key: ViewKey, source: Secrets, wanted: Mapping[str, tuple[ObjectKey, ...]]) -> Iterator[Item]:
        for name, origins in wanted.items():
            asked_by = tuple(dict.fromkeys(origins))
            try:
                made = self._key(name, key, source)
            except ValueError as error:
                yield Item(name, Failed(str(error)), asked_by)
                continue
            outcome = self._workshop.make(names.SDS, made, partial(secrets.build, made))
            yield Item(name, outcome, (made.owner, *asked_by))

    @staticmethod
    def _key(name: str, key: ViewKey, source: Secrets) -> secrets.SecretKey:
        reference = secrets.parse(name)
        if reference is None:
            raise ValueError(f"{name} is not the name of a Secret")
        namespace = reference.namespace or key.namespace
        if namespace != key.namespace:
            raise ValueError(f"a proxy in namespace {key.namespace} may not have a Secret of namespace {namespace}")
        found = next((s for each in reference.candidates if (s := source.secret(namespace, each)) is not None), None)
        if found is None or not isinstance(found.object, Secret):
            raise ValueError(f"there is no Secret {reference.secret} in namespace {namespace}")
        return secrets.SecretKey(name, material(found.object), found.key)
