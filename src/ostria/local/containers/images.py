"""A container's image and command become a command of this machine: by annotation, by `ostria.yaml`, or by the table of the samples.

`command` and `args` mean what they mean in Kubernetes: `command` replaces the image's entry point and its arguments, `args` the arguments only. So a container
that brings its whole command needs no entry in any table.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ostria.api.kubernetes.container import Container

ANNOTATION = "local.ostria.dev/command"

_PLACE = re.compile(r"\{(port:(\d+)|python|examples)\}")


class UnknownImage(ValueError):
    """The image resolves to nothing; the text names the container and both fixes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCommand:
    """What an image runs. Texts may hold `{python}`, `{examples}` and `{port:9080}` (that port, or a free one where ports are shared)."""

    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What the placeholders stand for on this machine."""

    python: str
    examples: str
    port: Callable[[int], int] = lambda number: number


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    argv: tuple[str, ...]
    env: Mapping[str, str]
    workdir: str = ""


def _sample(*argv: str, arguments: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> ImageCommand:
    return ImageCommand(entrypoint=("{python}", "-m", *argv), arguments=arguments, env={"PYTHONPATH": "{examples}", **(env or {})})


SAMPLES: Mapping[str, ImageCommand] = {
    "*examples-bookinfo-productpage-v*": _sample("bookinfo.productpage", "{port:9080}"),
    "*examples-bookinfo-details-v*": _sample("bookinfo.details", "{port:9080}"),
    "*examples-bookinfo-ratings-v1": _sample("bookinfo.ratings", "{port:9080}"),
    "*examples-bookinfo-reviews-v1": _sample("bookinfo.reviews", "{port:9080}"),
    "*examples-bookinfo-reviews-v2": _sample("bookinfo.reviews", "{port:9080}", env={"ENABLE_RATINGS": "true"}),
    "*examples-bookinfo-reviews-v3": _sample("bookinfo.reviews", "{port:9080}", env={"ENABLE_RATINGS": "true", "STAR_COLOR": "red"}),
    "*examples-helloworld-v1": _sample("helloworld", "v1", "{port:5000}"),
    "*examples-helloworld-v2": _sample("helloworld", "v2", "{port:5000}"),
    "*examples-grpc-echo": _sample("grpc_echo", "{port:7070}"),
    "*mccutchen/go-httpbin": _sample("httpbin", "{port:8080}"),
    "*kennethreitz/httpbin": _sample("httpbin", "{port:80}"),
    "*kong/httpbin": _sample("httpbin", "{port:80}"),
    "*tcp-echo-server": _sample("tcp_echo", arguments=("{port:9000}", "hello")),
    "*curlimages/curl": ImageCommand(entrypoint=("curl",)),
    "*nginx": _sample("static", "{port:80}"),
}


def resolve(container: Container, annotations: Mapping[str, str], table: Mapping[str, ImageCommand], places: Places) -> Command:
    """Raise UnknownImage where nothing tells what to run, ValueError where an annotation can't be read."""
    written = annotations.get(f"{ANNOTATION}.{container.name}") or annotations.get(ANNOTATION)
    if written:
        return _filled(ImageCommand(entrypoint=_split(written), arguments=container.args), places)
    found = find(container.image, table) or find(container.image, SAMPLES)
    if container.command:
        image = found or ImageCommand(entrypoint=())
        return _filled(ImageCommand(entrypoint=(*container.command, *container.args), env=image.env, workdir=image.workdir), places)
    if found is None:
        raise UnknownImage(_advice(container))
    arguments = container.args or found.arguments
    return _filled(ImageCommand(entrypoint=found.entrypoint, arguments=arguments, env=found.env, workdir=found.workdir), places)


def find(image: str, table: Mapping[str, ImageCommand]) -> ImageCommand | None:
    """Globs match the image as written, and without its tag and digest; the longest glob wins."""
    names = (image, bare(image))
    matching = [glob for glob in table if any(fnmatchcase(name, glob) for name in names)]
    return table[max(matching, key=len)] if matching else None


def bare(image: str) -> str:
    name = image.partition("@")[0]
    head, _, last = name.rpartition("/")
    last = last.partition(":")[0]
    return f"{head}/{last}" if head else last


def _split(text: str) -> tuple[str, ...]:
    argv = tuple(shlex.split(text))
    if not argv:
        raise ValueError(f"annotation {ANNOTATION} is empty: write a command")
    return argv


def _filled(image: ImageCommand, places: Places) -> Command:
    def fill(text: str) -> str:
        return _PLACE.sub(lambda place: str(_value(place[1], place[2], places)), text)

    argv = tuple(fill(word) for word in (*image.entrypoint, *image.arguments))
    return Command(argv=argv, env={name: fill(value) for name, value in image.env.items()}, workdir=fill(image.workdir))


def _value(name: str, port: str | None, places: Places) -> str | int:
    if port:
        return places.port(int(port))
    return places.python if name == "python" else places.examples


def _advice(container: Container) -> str:
    image = container.image or "(none)"
    return (
        f"container {container.name!r}: nothing tells which command of this machine stands for image {image!r}\n"
        f'  hint: give the pod the annotation {ANNOTATION}.{container.name}: "CMD ARG …", or put into ostria.yaml:\n'
        f"    images: {{{bare(image) + ':*'!r}: {{command: [CMD, ARG, …]}}}}"
    )
