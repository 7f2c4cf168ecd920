"""A container's environment variables, as the kubelet works them out: service links, envFrom, env, and `$(NAME)` in values and commands."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.environment import EnvFromSource, EnvVar, EnvVarSource
from ostria.api.kubernetes.secret import Secret
from ostria.api.kubernetes.service import Service
from ostria.local.containers.fields import PodFacts, field

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.][A-Za-z0-9_.-]*)\)")
_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


class MissingReference(ValueError):
    """A ConfigMap, a Secret or a key is not there (yet): the container waits, as in Kubernetes (CreateContainerConfigError)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where values come from: look-ups in the pod's own namespace."""

    config_map: Callable[[str], ConfigMap | None]
    secret: Callable[[str], Secret | None]


def environment(container: Container, facts: PodFacts, sources: Sources, base: Mapping[str, str]) -> dict[str, str]:
    """Later sources win: `base`, envFrom, env. Values may refer to what stands above them."""
    found = dict(base)
    for source in container.env_from:
        found.update(_all_of(source, sources))
    for variable in container.env:
        value = _value(variable, facts, sources, found)
        if value is not None:
            found[variable.name] = value
    return found


def expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` becomes its value, `$$` a dollar sign; a name that is not there stays as written."""

    def replace(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else env.get(found[1], found[0])

    return _REFERENCE.sub(replace, text)


def service_links(services: Iterable[tuple[Service, str]]) -> dict[str, str]:
    """`NAME_SERVICE_HOST` and its kin for the services (with their addresses) of the pod's namespace."""
    found: dict[str, str] = {}
    for service, address in services:
        if not service.spec.ports:
            continue
        name = service.metadata.name.upper().replace("-", "_").replace(".", "_")
        first = service.spec.ports[0]
        found |= {f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": str(first.port)}
        found[f"{name}_PORT"] = f"{first.protocol.lower()}://{address}:{first.port}"
        for port in service.spec.ports:
            if port.name:
                found[f"{name}_SERVICE_PORT_{port.name.upper().replace('-', '_')}"] = str(port.port)
            stem = f"{name}_PORT_{port.port}_{port.protocol}"
            found |= {stem: f"{port.protocol.lower()}://{address}:{port.port}", f"{stem}_PROTO": port.protocol.lower()}
            found |= {f"{stem}_PORT": str(port.port), f"{stem}_ADDR": address}
    return found


def _all_of(source: EnvFromSource, sources: Sources) -> dict[str, str]:
    found: dict[str, str] = {}
    if source.config_map_ref is not None:
        config_map = sources.config_map(source.config_map_ref.name)
        if config_map is None and not source.config_map_ref.optional:
            raise MissingReference(f"there is no ConfigMap {source.config_map_ref.name!r}")
        found |= config_map.data if config_map else {}
    if source.secret_ref is not None:
        secret = sources.secret(source.secret_ref.name)
        if secret is None and not source.secret_ref.optional:
            raise MissingReference(f"there is no Secret {source.secret_ref.name!r}")
        found |= {key: _text(secret, key) for key in (*secret.data, *secret.string_data)} if secret else {}
    return {source.prefix + key: value for key, value in found.items() if _NAME.fullmatch(source.prefix + key)}


def _value(variable: EnvVar, facts: PodFacts, sources: Sources, env: Mapping[str, str]) -> str | None:
    if variable.value_from is None:
        return expand(variable.value or "", env)
    return _from(variable.name, variable.value_from, facts, sources)


def _from(name: str, source: EnvVarSource, facts: PodFacts, sources: Sources) -> str | None:
    if source.field_ref is not None:
        return field(source.field_ref.field_path, facts)
    if (wanted := source.config_map_key_ref) is not None:
        config_map = sources.config_map(wanted.name)
        if config_map is not None and wanted.key in config_map.data:
            return config_map.data[wanted.key]
        return _absent(
            wanted.optional,
            f"ConfigMap {wanted.name!r} has no key {wanted.key!r}" if config_map else f"there is no ConfigMap {wanted.name!r}",
        )
    if (wanted := source.secret_key_ref) is not None:
        secret = sources.secret(wanted.name)
        if secret is not None and (wanted.key in secret.data or wanted.key in secret.string_data):
            return _text(secret, wanted.key)
        return _absent(
            wanted.optional, f"Secret {wanted.name!r} has no key {wanted.key!r}" if secret else f"there is no Secret {wanted.name!r}"
        )
    raise ValueError(f"env {name}: only fieldRef, configMapKeyRef and secretKeyRef have a value on one machine")


def _absent(optional: bool, why: str) -> str | None:
    if not optional:
        raise MissingReference(why)
    return None


def _text(secret: Secret, key: str) -> str:
    return (secret.value(key) or b"").decode(errors="surrogateescape")
