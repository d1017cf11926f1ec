"""The conformance runner's command: `python -m tests.conformance.transcoding FILE.json`.

Prints a line per case that failed, was refused or is undecided, then `N passed, M failed`; exits 1 on a failure.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Runs the file that the arguments name; the exit code."""
    if len(arguments) != 1:
        print("usage: python -m tests.conformance.transcoding FILE.json", file=sys.stderr)
        return 2
    from tests.conformance.runner import Verdict, run_file

    results = run_file(Path(arguments[0]))
    for result in results:
        if result.verdict is not Verdict.PASSED:
            print(f"{result.verdict} {result.case_id}: {result.note}")
    counts = Counter(result.verdict for result in results)
    print(f"{counts[Verdict.PASSED]} passed, {counts[Verdict.FAILED]} failed")
    return 1 if counts[Verdict.FAILED] else 0


def make_importable() -> None:
    """Puts the repository and the generated code on the import path where an installation has not."""
    root = Path(__file__).resolve().parents[2]
    for folder in (root, root / "generated"):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


if __name__ == "__main__":
    make_importable()
    raise SystemExit(main(sys.argv[1:]))
