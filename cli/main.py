"""The entry point of `perpetuo`. Who serves has no need of what lists the commands, which are some 2 MiB.

Heavy imports happen inside the functions.
"""

import gc
import sys
import time
from collections.abc import Sequence


def serve(arguments: Sequence[str]) -> int:
    """`perpetuo serve`: gives the exit code."""
    began = time.monotonic()
    # Nothing of what is imported is garbage; looking for some takes a tenth of the start.
    gc.disable()
    from options.lean import import_http, import_logs, spare_memory
    from server.lean import import_lean

    spare_memory()
    import_logs()
    from cli.serve_settings import read_settings

    settings = read_settings(arguments)
    if settings.workers > 1:
        from cli.workers import supervise

        gc.enable()
        return supervise(settings, began)
    import_lean()
    import_http()
    from cli.serve import serve as serve_alone

    return serve_alone(settings, began)


def main() -> None:
    """The entry point of the `perpetuo` script."""
    if sys.argv[1:2] == ["serve"]:
        try:
            raise SystemExit(serve(sys.argv[2:]))
        except KeyboardInterrupt:
            raise SystemExit(130) from None
    from cli.commands import app

    app()


if __name__ == "__main__":
    main()
