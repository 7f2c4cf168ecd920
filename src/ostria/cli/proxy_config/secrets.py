"""Secrets: certificates that Envoy holds, with their lives; never a private key."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509

from ostria.cli.proxy_config.dump import Json, section

HEADER = ("RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE")


def _certificates(secret: Json) -> tuple[str, bytes]:
    if "tls_certificate" in secret:
        return "Cert Chain", base64.b64decode(secret["tls_certificate"].get("certificate_chain", {}).get("inline_bytes", ""))
    context = secret.get("validation_context", {})
    return "CA", base64.b64decode(context.get("trusted_ca", {}).get("inline_bytes", ""))


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def rows(dump: Json, now: datetime | None = None) -> Iterator[tuple[str, ...]]:
    found = section(dump, "SecretsConfigDump")
    now = now or datetime.now(UTC)
    for place, status in (("dynamic_active_secrets", "ACTIVE"), ("dynamic_warming_secrets", "WARMING"), ("static_secrets", "ACTIVE")):
        for entry in found.get(place, ()):
            kind, pem = _certificates(entry.get("secret", {}))
            if not pem:
                yield (entry.get("name", ""), kind, status, "false", "", "", "")
                continue
            leaf = x509.load_pem_x509_certificates(pem)[0]
            valid = leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc
            serial, ends, begins = f"{leaf.serial_number:x}", _time(leaf.not_valid_after_utc), _time(leaf.not_valid_before_utc)
            yield (entry.get("name", ""), kind, status, str(valid).lower(), serial, ends, begins)
