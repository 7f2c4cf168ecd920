"""What stands in a pod's volumes, as a map from relative path to content: ConfigMap, Secret, downward API and projections of them."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from ostria.api.kubernetes.volume import DownwardAPIFile, KeyToPath, Volume, VolumeProjection
from ostria.local.containers.environment import MissingReference, Sources
from ostria.local.containers.fields import PodFacts, field


class VolumeFile(NamedTuple):
    content: bytes
    mode: int


Files = dict[str, VolumeFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """`token` makes a service account token for an audience and a life in seconds."""

    facts: PodFacts
    sources: Sources
    token: Callable[[str, int], str]


def is_memory(volume: Volume) -> bool:
    """An empty folder that the pod's containers share."""
    return volume.empty_dir is not None or not _kinds(volume)


def files(volume: Volume, context: Context) -> Files:
    """Raise MissingReference where an object is not there yet, ValueError for a kind of volume that this machine does not have."""
    sources = context.sources
    if (wanted := volume.config_map) is not None:
        return _keys(_config_map(wanted.name, wanted.optional, sources), wanted.items, wanted.default_mode, f"ConfigMap {wanted.name!r}")
    if (secret := volume.secret) is not None:
        found = _secret(secret.secret_name, secret.optional, sources)
        return _keys(found, secret.items, secret.default_mode, f"Secret {secret.secret_name!r}")
    if volume.downward_api is not None:
        return _downward(volume.downward_api.items, volume.downward_api.default_mode, context.facts)
    if volume.projected is not None:
        merged: Files = {}
        for source in volume.projected.sources:
            merged |= _projected(source, volume.projected.default_mode, context)
        return merged
    kinds = ", ".join(_kinds(volume))
    raise ValueError(
        f"volume {volume.name!r}: {kinds} is not possible on one machine; use emptyDir, configMap, secret, downwardAPI or projected"
    )


def _kinds(volume: Volume) -> list[str]:
    return [name for name in volume.__struct_fields__ if name not in ("name", "empty_dir") and getattr(volume, name) is not None]


def _projected(source: VolumeProjection, mode: int, context: Context) -> Files:
    if (wanted := source.config_map) is not None:
        return _keys(_config_map(wanted.name, wanted.optional, context.sources), wanted.items, mode, f"ConfigMap {wanted.name!r}")
    if (wanted := source.secret) is not None:
        return _keys(_secret(wanted.name, wanted.optional, context.sources), wanted.items, mode, f"Secret {wanted.name!r}")
    if source.downward_api is not None:
        return _downward(source.downward_api.items, mode, context.facts)
    if (token := source.service_account_token) is not None:
        text = context.token(token.audience or "https://kubernetes.default.svc", token.expiration_seconds)
        return {_relative(token.path): VolumeFile(text.encode(), mode)}
    raise ValueError("a projected volume can hold configMap, secret, downwardAPI and serviceAccountToken on one machine")


def _config_map(name: str, optional: bool, sources: Sources) -> Mapping[str, bytes]:
    found = sources.config_map(name)
    if found is None:
        return _nothing(optional, f"there is no ConfigMap {name!r}")
    return {key: text.encode() for key, text in found.data.items()} | {key: b64decode(text) for key, text in found.binary_data.items()}


def _secret(name: str, optional: bool, sources: Sources) -> Mapping[str, bytes]:
    found = sources.secret(name)
    if found is None:
        return _nothing(optional, f"there is no Secret {name!r}")
    return {key: found.value(key) or b"" for key in (*found.data, *found.string_data)}


def _nothing(optional: bool, why: str) -> Mapping[str, bytes]:
    if not optional:
        raise MissingReference(why)
    return {}


def _keys(content: Mapping[str, bytes], items: Iterable[KeyToPath], mode: int, whose: str) -> Files:
    items = tuple(items)
    if not items:
        return {key: VolumeFile(value, mode) for key, value in content.items()}
    found: Files = {}
    for item in items:
        if item.key not in content:
            raise MissingReference(f"{whose} has no key {item.key!r}")
        found[_relative(item.path)] = VolumeFile(content[item.key], item.mode if item.mode is not None else mode)
    return found


def _downward(items: Iterable[DownwardAPIFile], mode: int, facts: PodFacts) -> Files:
    found: Files = {}
    for item in items:
        if item.field_ref is None:
            raise ValueError(f"downwardAPI {item.path!r}: only fieldRef has a value on one machine")
        text = field(item.field_ref.field_path, facts)
        found[_relative(item.path)] = VolumeFile(text.encode(), item.mode if item.mode is not None else mode)
    return found


def _relative(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError(f"path {path!r} in a volume must be relative and must not contain '..'")
    return str(pure)
