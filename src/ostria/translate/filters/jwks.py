"""Whether a JSON Web Key Set holds a key that Envoy can use.

Envoy rejects a whole listener for a set without any, which would take the workload's other policies with it; so sets are looked at before.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

_MEMBERS: Mapping[str, tuple[str, ...]] = {"RSA": ("n", "e"), "EC": ("x", "y"), "oct": ("k",), "OKP": ("x",)}
_ALGORITHMS: Mapping[str, tuple[str, ...]] = {"RSA": ("RS", "PS"), "EC": ("ES",), "oct": ("HS",), "OKP": ("EdDSA",)}
_CURVES: Mapping[str, tuple[str, ...]] = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("Ed25519",)}


def has_usable_key(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    keys = found.get("keys") if isinstance(found, dict) else None
    return isinstance(keys, list) and any(isinstance(k, dict) and _usable(k) for k in keys)


def _usable(key: Mapping[str, Any]) -> bool:
    kind = key.get("kty")
    if not isinstance(kind, str) or kind not in _MEMBERS:
        return False
    algorithm, curve = key.get("alg", _ALGORITHMS[kind][0]), key.get("crv", "P-256" if kind == "EC" else "")
    if not isinstance(algorithm, str) or not algorithm.startswith(_ALGORITHMS[kind]):
        return False
    return (kind not in _CURVES or curve in _CURVES[kind]) and all(_number(key.get(m)) for m in _MEMBERS[kind])


def _number(text: object) -> bool:
    """Base64 as URLs carry it, not empty."""
    if not isinstance(text, str) or not text:
        return False
    try:
        return bool(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return False
