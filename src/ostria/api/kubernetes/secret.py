"""Secret."""

from base64 import b64decode

from ostria.api.meta import Resource


class Secret(Resource):
    data: dict[str, str] = {}
    """Base64, as written."""
    string_data: dict[str, str] = {}
    type: str = "Opaque"
    immutable: bool = False

    def value(self, key: str) -> bytes | None:
        """The decoded value; `stringData` wins over `data`, as the API server has it. Raises ValueError for bad base64."""
        if key in self.string_data:
            return self.string_data[key].encode()
        encoded = self.data.get(key)
        return None if encoded is None else b64decode("".join(encoded.split()), validate=True)
