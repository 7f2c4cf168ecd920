"""ServiceAccount: the identity that workloads share."""

from ostria.api.kubernetes.references import LocalObjectReference, ObjectReference
from ostria.api.meta import Resource


class ServiceAccount(Resource):
    secrets: tuple[ObjectReference, ...] = ()
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    automount_service_account_token: bool | None = None
