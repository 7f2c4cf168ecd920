"""What every builder returns, before patches and serialization."""

from typing import NamedTuple

from google.protobuf.message import Message

from ostria.api.meta import ObjectKey


class Built(NamedTuple):
    """A resource as a message. `requires` are (type URL, name) of the resources that it names: EDS, RDS and SDS references."""

    name: str
    message: Message
    origins: tuple[ObjectKey, ...] = ()
    requires: tuple[tuple[str, str], ...] = ()
