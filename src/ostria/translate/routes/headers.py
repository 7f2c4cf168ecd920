"""Header operations. `Host` is no ordinary header to Envoy: setting it rewrites the authority instead."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from envoy.config.core.v3 import base_pb2

from ostria.api.networking.virtual_service import HeaderOperations, Headers

_OPTION = base_pb2.HeaderValueOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """`authority` is empty unless the request's host is to be replaced."""

    request_add: tuple[base_pb2.HeaderValueOption, ...] = ()
    request_remove: tuple[str, ...] = ()
    response_add: tuple[base_pb2.HeaderValueOption, ...] = ()
    response_remove: tuple[str, ...] = ()
    authority: str = ""


def operations(headers: Headers | None) -> Operations:
    if headers is None:
        return Operations()
    request, response = headers.request or HeaderOperations(), headers.response or HeaderOperations()
    return Operations(
        request_add=_additions(request),
        request_remove=_removals(request.remove),
        response_add=_additions(response),
        response_remove=_removals(response.remove),
        authority=_authority(request.set) or _authority(request.add),
    )


def _additions(wanted: HeaderOperations) -> tuple[base_pb2.HeaderValueOption, ...]:
    """`set` replaces, `add` appends; replacements come first."""
    return (*_options(wanted.set, _OPTION.OVERWRITE_IF_EXISTS_OR_ADD), *_options(wanted.add, _OPTION.APPEND_IF_EXISTS_OR_ADD))


def _options(
    values: Mapping[str, str], action: base_pb2.HeaderValueOption.HeaderAppendAction.ValueType
) -> Iterable[base_pb2.HeaderValueOption]:
    for name, value in sorted(values.items()):
        if not _is_reserved(name):
            yield _OPTION(header=base_pb2.HeaderValue(key=name, value=value), append_action=action)


def _removals(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not _is_reserved(name))


def _is_reserved(name: str) -> bool:
    """Envoy refuses to add or remove these."""
    return name.startswith(":") or name.lower() == "host"


def _authority(values: Mapping[str, str]) -> str:
    return next((v for name, v in sorted(values.items()) if name.lower() in (":authority", "host")), "")
