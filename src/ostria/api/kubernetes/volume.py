"""Volumes of a pod. Kinds that need a cluster's storage are kept untyped: they are known by name and refused."""

from typing import Annotated, Any

from msgspec import Meta, field

from ostria.api.kubernetes.references import FieldReference, ResourceFieldReference
from ostria.api.meta import Message

FileMode = Annotated[int, Meta(ge=0, le=0o777)]


class KeyToPath(Message):
    key: str
    path: str
    mode: FileMode | None = None


class ConfigMapVolume(Message):
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: FileMode = 0o644
    optional: bool = False


class SecretVolume(Message):
    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: FileMode = 0o644
    optional: bool = False


class DownwardAPIFile(Message):
    path: str
    field_ref: FieldReference | None = None
    resource_field_ref: ResourceFieldReference | None = None
    mode: FileMode | None = None


class DownwardAPIVolume(Message):
    items: tuple[DownwardAPIFile, ...] = ()
    default_mode: FileMode = 0o644


class EmptyDir(Message):
    medium: str = ""
    size_limit: str | int | None = None


class KeyProjection(Message):
    """Keys of a ConfigMap or Secret inside a projected volume."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False


class DownwardAPIProjection(Message):
    items: tuple[DownwardAPIFile, ...] = ()


class ServiceAccountTokenProjection(Message):
    audience: str = ""
    expiration_seconds: Annotated[int, Meta(ge=600)] = 3600
    path: str


class VolumeProjection(Message):
    config_map: KeyProjection | None = None
    secret: KeyProjection | None = None
    downward_api: DownwardAPIProjection | None = field(default=None, name="downwardAPI")
    service_account_token: ServiceAccountTokenProjection | None = None
    cluster_trust_bundle: dict[str, Any] | None = None
    pod_certificate: dict[str, Any] | None = None


class ProjectedVolume(Message):
    sources: tuple[VolumeProjection, ...] = ()
    default_mode: FileMode = 0o644


class Volume(Message):
    name: str
    empty_dir: EmptyDir | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    downward_api: DownwardAPIVolume | None = field(default=None, name="downwardAPI")
    projected: ProjectedVolume | None = None
    host_path: dict[str, Any] | None = None
    persistent_volume_claim: dict[str, Any] | None = None
    ephemeral: dict[str, Any] | None = None
    csi: dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    nfs: dict[str, Any] | None = None
    iscsi: dict[str, Any] | None = None
    fc: dict[str, Any] | None = None
    rbd: dict[str, Any] | None = None
    cephfs: dict[str, Any] | None = None
    cinder: dict[str, Any] | None = None
    flocker: dict[str, Any] | None = None
    flex_volume: dict[str, Any] | None = None
    glusterfs: dict[str, Any] | None = None
    git_repo: dict[str, Any] | None = None
    aws_elastic_block_store: dict[str, Any] | None = None
    azure_disk: dict[str, Any] | None = None
    azure_file: dict[str, Any] | None = None
    gce_persistent_disk: dict[str, Any] | None = None
    photon_persistent_disk: dict[str, Any] | None = None
    portworx_volume: dict[str, Any] | None = None
    quobyte: dict[str, Any] | None = None
    scale_io: dict[str, Any] | None = field(default=None, name="scaleIO")
    storageos: dict[str, Any] | None = None
    vsphere_volume: dict[str, Any] | None = None
