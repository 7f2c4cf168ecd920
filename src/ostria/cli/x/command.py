"""The group `ostria x`: its register of commands."""

import typer

from ostria.cli.x import pushes

app = typer.Typer(no_args_is_help=True, help="Look deeper: what Istio's command line has no name for.")
app.command("pushes", help="Show who caused the last pushes, and what they cost.")(pushes.pushes)


@app.callback()
def _several() -> None:
    """With a callback Typer keeps commands as commands, even when there is only one."""


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="x")
