"""The options of `perpetuo serve`: those of both halves, and how many processes serve."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from edge.settings import EdgeSettings
from options.options import OptionsError, option
from server.settings import ServerSettings


@dataclass(frozen=True, kw_only=True)
class ServeSettings(ServerSettings, EdgeSettings):
    """Serve REST and gRPC in one process. Options are also environment variables: --data-dir is PERPETUO_DATA_DIR."""

    workers: int = option(
        1, "Processes that serve on the same ports; more than one needs PostgreSQL and shared state.", ge=1, le=256
    )

    def __post_init__(self) -> None:
        ServerSettings.__post_init__(self)
        EdgeSettings.__post_init__(self)


def read_settings(arguments: Sequence[str]) -> ServeSettings:
    """The settings that options and environment give. Prints what is wrong with them and raises SystemExit(2)."""
    try:
        return ServeSettings.from_command_line(arguments, "perpetuo serve")
    except OptionsError as error:
        for problem in error.problems:
            print(f"perpetuo serve: {problem}", file=sys.stderr)
        raise SystemExit(2) from None
