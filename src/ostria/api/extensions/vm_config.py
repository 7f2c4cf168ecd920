"""Shared shapes."""

from typing import Literal

from ostria.api.meta import Message


class EnvVar(Message):
    name: str
    value: str | None = None
    value_from: Literal["INLINE", "HOST"] | None = None


class VmConfig(Message):
    env: tuple[EnvVar, ...] = ()
