"""The options of `perpetuo serve`: those of both halves, and how many processes serve."""

from collections.abc import Sequence

from edge.settings import EdgeSettings
from options.command_line import read_options
from options.option import option
from server.settings import ServerSettings


class ServeSettings(ServerSettings, EdgeSettings):
    """Serve REST and gRPC in one process. Options are also environment variables: --data-dir is PERPETUO_DATA_DIR."""

    program = "perpetuo serve"

    workers: int = option(
        "Processes that serve on the same ports; more than one needs PostgreSQL and shared state.",
        default=1,
        ge=1,
        le=256,
    )


def read_settings(arguments: Sequence[str]) -> ServeSettings:
    """The settings that options and environment give. Prints what is wrong with them and raises SystemExit(2)."""
    return read_options(ServeSettings, arguments, "perpetuo serve")
