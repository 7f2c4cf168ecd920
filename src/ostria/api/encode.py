"""Objects back to plain data, JSON and YAML; and the fingerprint of what an object says."""

from hashlib import blake2b
from typing import Any

import yaml
from msgspec import json, to_builtins

from ostria.api.meta import Resource
from ostria.api.scalars import Duration

_WRITTEN_BY_THE_SERVER = ("resourceVersion", "managedFields", "generation", "selfLink")


def builtin(value: object) -> object:
    """msgspec's hook for the types it does not know."""
    if isinstance(value, Duration):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be written as YAML or JSON")


def plain(resource: Resource) -> dict[str, Any]:
    """Dictionaries, lists and scalars, with the API's own field names; fields at their defaults are left out."""
    head: dict[str, Any] = {"apiVersion": resource.api_version, "kind": resource.kind}
    body: dict[str, Any] = to_builtins(resource, enc_hook=builtin)
    return head | body


def to_json(resource: Resource) -> bytes:
    return json.format(json.encode(plain(resource)), indent=2)


def to_yaml(*resources: Resource) -> str:
    """One YAML document per object."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    documents = [plain(r) for r in resources]
    return str(yaml.dump_all(documents, Dumper=dumper, sort_keys=False, allow_unicode=True, explicit_start=len(documents) > 1))


def content_version(resource: Resource) -> str:
    """A fingerprint of what the object says: equal content, equal version, whatever its file looks like.

    Status is content only where its type says that Ostria reads it; what an API server keeps for itself in the metadata never is.
    """
    content = plain(resource)
    if isinstance(resource.status, dict):
        content.pop("status", None)
    for name in _WRITTEN_BY_THE_SERVER:
        content["metadata"].pop(name, None)
    return blake2b(json.encode(content, order="deterministic"), digest_size=8).hexdigest()
