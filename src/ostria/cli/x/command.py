"""The group `ostria x`: its register of commands."""

import typer

from ostria.cli.x import pushes, scope

app = typer.Typer(no_args_is_help=True, help="Look deeper: what Istio's command line has no name for.")
app.command("pushes", help="Show who caused the last pushes, and what they cost.")(pushes.pushes)
app.command("scope", help="Show what a workload or namespace uses of the mesh, and the Sidecar that it amounts to (-o yaml).")(scope.scope)


@app.callback()
def _several() -> None:
    """With a callback Typer keeps commands as commands, even when there is only one."""


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="x")
