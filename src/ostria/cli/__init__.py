"""`ostria`: one module per verb, imported only when its verb is used, so that a long-running process carries nothing that it doesn't need.

`VERBS` is the register. A verb's module has one function, `register(app)`, which adds its command (or group of commands) to the Typer app.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import typer


class Verb(NamedTuple):
    module: str
    summary: str
    """The line that `ostria --help` shows."""
    register: str = "register"
    """The function of the module that adds the verb."""


VERBS: Final[dict[str, Verb]] = {
    "agent": Verb("ostria.cli.agent", "Run the agent beside an Envoy."),
    "apply": Verb("ostria.cli.apply", "Create or change the objects in files.", "register_apply"),
    "delete": Verb("ostria.cli.apply", "Delete objects.", "register_delete"),
    "discovery": Verb("ostria.cli.discovery", "Run the control plane: xDS, certificates, debug pages."),
    "down": Verb("ostria.cli.down", "End a mesh."),
    "envoy": Verb("ostria.cli.envoy", "Run the bundled Envoy; arguments are passed on."),
    "exec": Verb("ostria.cli.exec", "Run a command in a workload."),
    "get": Verb("ostria.cli.get", "List objects, or show one."),
    "label": Verb("ostria.cli.label", "Set or remove labels."),
    "logs": Verb("ostria.cli.logs", "Show what a workload says."),
    "proxy-config": Verb("ostria.cli.proxy_config.command", "Show what the Envoy of a workload holds."),
    "proxy-status": Verb("ostria.cli.proxy_status", "Show whether every proxy holds what was sent to it."),
    "status": Verb("ostria.cli.status", "Show workloads and what is wrong."),
    "up": Verb("ostria.cli.up", "Start a mesh on this machine."),
    "version": Verb("ostria.cli.version", "Show the versions of Ostria and Envoy."),
    "x": Verb("ostria.cli.x.command", "Look deeper: who caused a push, and more."),
}

PLAIN: Final = frozenset({"agent", "discovery", "envoy"})
"""Verbs that parse their own arguments, `main(arguments) -> exit status`, because they can't afford Typer's memory."""


def main(arguments: list[str] | None = None) -> None:
    """Run one verb; exit status 0, 1 (it doesn't hold, or failed) or 2 (wrong usage)."""
    words = sys.argv[1:] if arguments is None else arguments
    wanted = next((word for word in words if not word.startswith("-")), "")
    if wanted in PLAIN and words[0] == wanted:
        sys.exit(import_module(VERBS[wanted].module).main(words[1:]))
    program(wanted)(args=words, prog_name="ostria")


def program(wanted: str) -> "typer.Typer":
    """The app with every verb listed and one of them loaded."""
    import typer

    app = typer.Typer(
        name="ostria",
        help="A service mesh on one machine: Istio's API, real Envoy, no cluster.",
        no_args_is_help=True,
        add_completion=False,
    )
    app.callback()(_several)
    for name, verb in VERBS.items():
        if name == wanted and name not in PLAIN:
            getattr(import_module(verb.module), verb.register)(app)
        else:
            app.command(name, help=verb.summary)(_listed_only)
    return app


def _several() -> None:
    """With a callback Typer keeps verbs as verbs, even when there is only one."""


def _listed_only() -> None:
    raise AssertionError("a verb that is only listed can't be run")
