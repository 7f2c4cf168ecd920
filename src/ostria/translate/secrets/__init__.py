"""Secrets of gateways: a Kubernetes Secret in, TLS certificates and trusted roots out, under the names that proxies ask for.

`kubernetes://NAME` and `kubernetes-gateway://NAMESPACE/NAME` mean the key and certificate, the same with `-cacert` the roots. A proxy gets Secrets of
its own namespace only. What doesn't parse is not served, so that one bad certificate costs its own server and no other.
"""

from dataclasses import dataclass

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret as EnvoySecret

from ostria.api.meta import ObjectKey
from ostria.translate.built import Built
from ostria.translate.secrets.material import Material, authority, certificate
from ostria.translate.secrets.name import Reference, parse

__all__ = ["Material", "Reference", "SecretKey", "build", "parse"]


@dataclass(frozen=True, slots=True)
class SecretKey:
    """The material is compared by content, so a Secret that only moved in its file is not built again."""

    name: str
    material: Material
    owner: ObjectKey


def build(key: SecretKey) -> Built:
    """Raise ValueError if the Secret has no usable certificate."""
    reference = parse(key.name)
    if reference is None:
        raise ValueError(f"{key.name} is not the name of a Secret")
    secret = EnvoySecret(name=key.name)
    if reference.roots:
        found = authority(key.material)
        secret.validation_context.trusted_ca.inline_bytes = found.certificates
        if found.revoked:
            secret.validation_context.crl.inline_bytes = found.revoked
    else:
        own = certificate(key.material)
        secret.tls_certificate.certificate_chain.inline_bytes = own.chain
        secret.tls_certificate.private_key.inline_bytes = own.key
    return Built(key.name, secret, (key.owner,))
