"""ConfigMap."""

from ostria.api.meta import Resource


class ConfigMap(Resource):
    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}
    """Base64, as written."""
    immutable: bool = False
