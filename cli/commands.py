"""The commands of `perpetuo`, by typer. Heavy imports happen inside them: `perpetuo --version` must be quick."""

from typing import Annotated

import typer

from cli import users

app = typer.Typer(
    name="perpetuo",
    help="A self-hosted LLM gateway: a typed gRPC core with an OpenAI-compatible REST face.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _print_version(value: bool) -> None:
    if value:
        from cli.version import current_version

        print(f"perpetuo {current_version()}")
        raise typer.Exit


app.add_typer(users.app)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A self-hosted LLM gateway: a typed gRPC core with an OpenAI-compatible REST face."""


@app.command(context_settings=_PASS_ON)
def serve(context: typer.Context) -> None:
    """Serve REST and gRPC in one process. `perpetuo serve --help` lists the options."""
    from cli.main import serve as serve_with

    raise typer.Exit(serve_with(context.args))


@app.command(context_settings=_PASS_ON)
def mock(context: typer.Context) -> None:
    """Serve an upstream with scripted faults in three dialects. `perpetuo mock --help` lists the options."""
    from cli.mock.__main__ import main as mock_main

    mock_main(context.args)


@app.command(context_settings=_PASS_ON)
def conformance(context: typer.Context) -> None:
    """Play known faults behind any OpenAI-compatible gateway. `perpetuo conformance --help` lists the options."""
    from cli.conformance.__main__ import main as conformance_main

    raise typer.Exit(conformance_main(context.args))
