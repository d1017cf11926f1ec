"""The tables of `docs/mock.md`, made of the parts and the catalogue. Pure."""

from cli.mock.catalogue import FAULTS
from cli.mock.parts import PARTS, Kind, Part

BEGIN = "<!-- made of cli/mock; pytest tests/unit/cli/mock/test_pages.py --update-golden writes it anew -->"
END = "<!-- end of what is made -->"


def tables() -> str:
    """The catalogue and the parts as Markdown."""
    lines = ["### Faults", "", "| name | family | form | made of | what happens |", "|---|---|---|---|---|"]
    for fault in FAULTS:
        form = "both" if fault.stream and fault.unary else "stream" if fault.stream else "unary"
        lines.append(f"| `{fault.name}` | {fault.family} | {form} | `{fault.scenario}` | {fault.says} |")
    lines += ["", "### Parts", "", "| part | parameters | what it does |", "|---|---|---|"]
    for kind in Kind:
        lines.append(f"| **{kind.value}** | | |")
        lines += [_row(name, part) for name, part in PARTS.items() if part.kind is kind]
    return "\n".join(lines)


def with_tables(page: str) -> str:
    """The page with its tables as they have to be. Raises ValueError when the marks of their place are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the tables")
    return f"{before}{begin}\n\n{tables()}\n\n{end}{after}"


def _row(name: str, part: Part) -> str:
    parameters = ", ".join(f"`{key}` ({value})" if value != "" else f"`{key}`" for key, value in part.defaults.items())
    return f"| `{name}` | {parameters} | {part.says} |"
