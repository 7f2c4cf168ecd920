"""Whether a JSON Web Key Set holds a key that Envoy can use.

Envoy rejects a whole listener for a set without any, which would take the workload's other policies with it; so sets are looked at before.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

_CURVES: Mapping[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
_EC_ALGORITHMS: Mapping[str, str] = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_Key = Mapping[str, Any]


def has_usable_key(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    keys = found.get("keys") if isinstance(found, dict) else None
    return isinstance(keys, list) and any(isinstance(k, dict) and _usable(k) for k in keys)


def _usable(key: _Key) -> bool:
    kind, algorithm = key.get("kty"), key.get("alg")
    known = _KINDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        return False
    algorithms, check = known
    if algorithm is not None and not (isinstance(algorithm, str) and algorithm.startswith(algorithms)):
        return False
    try:
        check(key)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return False
    return True


def _octets(key: _Key, member: str) -> bytes:
    """Base64 as URLs carry it; ValueError if it is empty."""
    text = key[member]
    octets = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True) if isinstance(text, str) else b""
    if not octets:
        raise ValueError(member)
    return octets


def _number(key: _Key, member: str) -> int:
    return int.from_bytes(_octets(key, member), "big")


def _rsa(key: _Key) -> None:
    rsa.RSAPublicNumbers(_number(key, "e"), _number(key, "n")).public_key()


def _ec(key: _Key) -> None:
    if "alg" in key and key["alg"] != _EC_ALGORITHMS[key.get("crv", "P-256")]:
        raise ValueError(key["alg"])
    ec.EllipticCurvePublicNumbers(_number(key, "x"), _number(key, "y"), _CURVES[key.get("crv", "P-256")]()).public_key()


def _okp(key: _Key) -> None:
    if key["crv"] != "Ed25519":
        raise ValueError(key["crv"])
    ed25519.Ed25519PublicKey.from_public_bytes(_octets(key, "x"))


def _oct(key: _Key) -> None:
    _octets(key, "k")


_KINDS: Mapping[str, tuple[tuple[str, ...], Callable[[_Key], None]]] = {
    "RSA": (("RS", "PS"), _rsa),
    "EC": (("ES",), _ec),
    "oct": (("HS",), _oct),
    "OKP": (("EdDSA",), _okp),
}
"""By kind of key: how its algorithms begin, and a check that raises for a key that is none."""
