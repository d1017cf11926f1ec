"""`python -m server`: the gRPC core alone. Exit codes: 0 stopped, 1 cannot serve, 2 wrong options.

Heavy imports happen inside, after what makes them lighter.
"""

import gc
import sys
from collections.abc import Sequence

from options.lean import spare_memory
from options.options import OptionsError
from server.lean import import_lean
from server.settings import ServerSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; gives the exit code."""
    gc.disable()  # until everything is imported and built, see `collect_garbage_seldom`
    try:
        settings = ServerSettings.from_command_line(sys.argv[1:] if arguments is None else arguments)
    except OptionsError as error:
        for problem in error.problems:
            print(f"server: {problem}", file=sys.stderr)  # noqa: T201
        return 2
    spare_memory()
    import_lean()
    from server.alone import serve_alone

    return serve_alone(settings)


if __name__ == "__main__":
    sys.exit(main())
