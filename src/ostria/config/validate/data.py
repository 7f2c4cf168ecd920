"""Rules for ConfigMap and Secret."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping

from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.kubernetes.secret import Secret
from ostria.api.problem import Issue

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_NEEDED = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/basic-auth": (),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}


def config_map_issues(config_map: ConfigMap) -> Iterator[Issue]:
    yield from _keys("data", config_map.data)
    yield from _keys("binaryData", config_map.binary_data)
    yield from _base64("binaryData", config_map.binary_data)
    for key in config_map.data.keys() & config_map.binary_data.keys():
        yield Issue(("binaryData", key), f"the key {key!r} is in data too")


def secret_issues(secret: Secret) -> Iterator[Issue]:
    yield from _keys("data", secret.data)
    yield from _keys("stringData", secret.string_data)
    yield from _base64("data", secret.data)
    for key in _NEEDED.get(secret.type, ()):
        if key not in secret.data and key not in secret.string_data:
            yield Issue(("data",), f"a Secret of type {secret.type} needs the key {key!r}")


def _keys(field: str, data: Mapping[str, str]) -> Iterator[Issue]:
    for key in data:
        if not _KEY.fullmatch(key) or key in (".", ".."):
            yield Issue((field, key), f"{key!r} is not a key", "letters, digits, dashes, dots and underscores")


def _base64(field: str, data: Mapping[str, str]) -> Iterator[Issue]:
    """The message never shows the value: it may be the secret itself, put into the wrong field."""
    for key, value in data.items():
        try:
            b64decode("".join(value.split()), validate=True)
        except ValueError:
            yield Issue((field, key), "the value is not base64", "write plain text under stringData" if field == "data" else "")
