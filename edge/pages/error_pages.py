"""The text of the pages about error reasons, as HTML and as Markdown. Pure: a reason in, text out.

Cause and fix are the comments of the protos; a word in backquotes is shown as code, everything is escaped.
"""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from edge.description import error_example
from edge.errors import DOCS_PATH
from edge.reasons import Reason

# As html.escape does, whose module brings a table of all named characters.
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
_CODE: Final = re.compile(r"`([^`]+)`")
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Perpetuo</title>
<link rel="icon" href="/docs/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body class="page">
<nav class="trail"><a href="/docs">API</a> <a href="{index}">Errors</a></nav>
<main>
{body}
</main>
</body>
</html>
"""


def reason_html(reason: Reason) -> str:
    """The page of one reason."""
    rows = "\n".join(
        f'<tr><th scope="row">{_inline(name)}</th><td>{_inline(value)}</td></tr>' for name, value in _facts(reason)
    )
    markdown = f"{reason.docs_url.rpartition('/')[2]}.md"
    body = f"""\
<h1>{_escaped(reason.reason)}</h1>
<h2>Cause</h2>
<p>{_inline(reason.cause)}</p>
<h2>Fix</h2>
<p>{_inline(reason.fix)}</p>
<h2>What clients see</h2>
<table>
{rows}
</table>
<h2>Example</h2>
<pre><code>{_escaped(_example(reason))}</code></pre>
<p><a href="{markdown}">This page as Markdown</a></p>"""
    return _PAGE.format(title=_escaped(reason.reason), index=DOCS_PATH, body=body)


def reason_markdown(reason: Reason) -> str:
    """The same as Markdown."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in _facts(reason))
    return f"""\
# {reason.reason}

**Cause.** {reason.cause}

**Fix.** {reason.fix}

| | |
|---|---|
{rows}

```json
{_example(reason)}
```
"""


def index_html(reasons: Iterable[Reason]) -> str:
    """The list of all reasons."""
    rows = "\n".join(
        f'<tr><td><a href="{each.docs_url}">{_escaped(each.reason)}</a></td><td>{each.http_status}</td>'
        f"<td>{each.grpc_status}</td><td><code>{_escaped(each.code)}</code></td><td>{_inline(each.cause)}</td></tr>"
        for each in reasons
    )
    body = f"""\
<h1>Errors</h1>
<p>Every error answers the same body; its <code>docs_url</code> leads to one of these pages. Over gRPC the reason stands
in <code>google.rpc.ErrorInfo</code>.</p>
<table>
<thead><tr><th>Reason</th><th>HTTP</th><th>gRPC</th><th>Code</th><th>Cause</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p><a href="{DOCS_PATH}index.md">This page as Markdown</a></p>"""
    return _PAGE.format(title="Errors", index=DOCS_PATH, body=body)


def index_markdown(reasons: Iterable[Reason]) -> str:
    """The same as Markdown."""
    rows = "\n".join(
        f"| [{each.reason}]({each.docs_url}.md) | {each.http_status} | {each.grpc_status} | `{each.code}` "
        f"| {each.cause} |"
        for each in reasons
    )
    return f"# Errors\n\n| Reason | HTTP | gRPC | Code | Cause |\n|---|---|---|---|---|\n{rows}\n"


def _facts(reason: Reason) -> Sequence[tuple[str, str]]:
    """What each face of the gateway says, by name; words in backquotes are code."""
    told = (
        "yes, after the time in `Retry-After`; `x-should-retry: true`"
        if reason.retry
        else "the same request will not help; `x-should-retry: false`"
    )
    return (
        ("HTTP status", _status(reason.http_status)),
        ("gRPC status", f"{reason.grpc_status} ({reason.grpc_code})"),
        ("`error.code`", f"`{reason.code}`"),
        ("`error.type`", f"`{reason.type}`" if reason.type else "none: it is not answered"),
        ("`ErrorInfo.reason`", f"`{reason.reason}`"),
        ("Try again", told),
    )


def _status(number: int) -> str:
    try:
        return f"{number} {HTTPStatus(number).phrase}"
    except ValueError:
        return f"{number}, in logs only"


def _example(reason: Reason) -> str:
    return msgspec.json.format(msgspec.json.encode({"error": error_example(reason)}), indent=2).decode()


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", _escaped(text))
