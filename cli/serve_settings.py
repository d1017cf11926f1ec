"""The options of `perpetuo serve`: those of both halves, and how many processes serve."""

import sys
from collections.abc import Sequence

from pydantic import Field, ValidationError
from pydantic_settings import CliApp, SettingsConfigDict

from edge.settings import EdgeSettings
from server.settings import ServerSettings


class ServeSettings(ServerSettings, EdgeSettings):
    """Serve REST and gRPC in one process. Options are also environment variables: --data-dir is PERPETUO_DATA_DIR."""

    model_config = SettingsConfigDict(cli_prog_name="perpetuo serve")

    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Processes that serve on the same ports; more than one needs PostgreSQL and shared state.",
    )


def read_settings(arguments: Sequence[str]) -> ServeSettings:
    """The settings that options and environment give. Prints what is wrong with them and raises SystemExit(2)."""
    try:
        return CliApp.run(ServeSettings, cli_args=list(arguments))
    except ValidationError as error:
        for problem in error.errors():
            name = "-".join(str(part) for part in problem["loc"]).replace("_", "-")
            print(f"perpetuo serve: {'--' + name + ': ' if name else ''}{problem['msg']}", file=sys.stderr)
        raise SystemExit(2) from None
