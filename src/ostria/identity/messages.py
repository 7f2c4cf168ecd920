"""Messages of `istio.v1.auth` (certificate signing), which no package has: built from a descriptor written here.

The wire shape is Istio's public API (`security/v1alpha1/ca.proto`); users of this module see plain data, never the generated classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, struct_pb2

METHOD: Final = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
SERVICE: Final = "istio.v1.auth.IstioCertificateService"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """A PEM certificate signing request; `validity` in seconds, 0 for the authority's default."""

    csr: str
    validity: int = 0
    metadata: Mapping[str, object] = field(default_factory=dict)


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="istio/v1/auth/ca.proto", package="istio.v1.auth", syntax="proto3")
    file.dependency.append("google/protobuf/struct.proto")
    kind = descriptor_pb2.FieldDescriptorProto
    request = file.message_type.add(name="IstioCertificateRequest")
    request.field.add(name="csr", number=1, type=kind.TYPE_STRING, label=kind.LABEL_OPTIONAL)
    request.field.add(name="validity_duration", number=3, type=kind.TYPE_INT64, label=kind.LABEL_OPTIONAL)
    request.field.add(name="metadata", number=4, type=kind.TYPE_MESSAGE, type_name=".google.protobuf.Struct", label=kind.LABEL_OPTIONAL)
    response = file.message_type.add(name="IstioCertificateResponse")
    response.field.add(name="cert_chain", number=1, type=kind.TYPE_STRING, label=kind.LABEL_REPEATED)
    service = file.service.add(name="IstioCertificateService")
    service.method.add(
        name="CreateCertificate", input_type=".istio.v1.auth.IstioCertificateRequest", output_type=".istio.v1.auth.IstioCertificateResponse"
    )
    return file


def _classes() -> tuple[Any, Any]:
    # A pool of its own: a program that also loads Istio's generated modules would otherwise see a clash.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file().SerializeToString())
    names = ("IstioCertificateRequest", "IstioCertificateResponse")
    request, response = (message_factory.GetMessageClass(pool.FindMessageTypeByName(f"istio.v1.auth.{name}")) for name in names)
    return request, response


_Request, _Response = _classes()


def decode_request(data: bytes) -> CertificateRequest:
    """Raise google.protobuf.message.DecodeError on anything else."""
    request = _Request.FromString(data)
    metadata = json_format.MessageToDict(request.metadata) if request.HasField("metadata") else {}
    return CertificateRequest(csr=request.csr, validity=request.validity_duration, metadata=metadata)


def encode_request(request: CertificateRequest) -> bytes:
    message = _Request(csr=request.csr, validity_duration=request.validity)
    if request.metadata:
        message.metadata.update(request.metadata)
    data: bytes = message.SerializeToString()
    return data


def encode_response(chain: tuple[str, ...]) -> bytes:
    """`chain`: PEM texts: leaf, intermediates, root last."""
    data: bytes = _Response(cert_chain=chain).SerializeToString()
    return data


def decode_response(data: bytes) -> tuple[str, ...]:
    return tuple(_Response.FromString(data).cert_chain)
