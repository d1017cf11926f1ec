"""The text of the pages about error reasons."""

import json
from html.parser import HTMLParser

import pytest

from edge.pages.error_pages import index_html, index_markdown, reason_html, reason_markdown
from edge.reasons import Reason

REASON = Reason(
    reason="MODEL_UNKNOWN",
    cause="No model is called `<x>` & co.",
    fix="Use `GET /v1/models`.",
    http_status=404,
    grpc_code=5,
    grpc_status="NOT_FOUND",
    code="model_not_found",
    type="not_found_error",
    retry=False,
    docs_url="/docs/errors/model_unknown",
)
LATER = Reason(
    reason="OVERLOADED",
    cause="Too much.",
    fix="Wait.",
    http_status=503,
    grpc_code=14,
    grpc_status="UNAVAILABLE",
    code="overloaded",
    type="overloaded_error",
    retry=True,
    docs_url="/docs/errors/overloaded",
)


class Outline(HTMLParser):
    """Text, links and whether every element is closed."""

    VOID = frozenset(("meta", "link"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str | None] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_says_cause_fix_and_what_each_face_shows() -> None:
    page = reason_html(REASON)
    outline = Outline(page)
    assert "No model is called <code>&lt;x&gt;</code> &amp; co." in page
    assert "Use <code>GET /v1/models</code>." in page
    for text in ("404 Not Found", "NOT_FOUND (5)", "model_not_found", "not_found_error", "x-should-retry: false"):
        assert text in outline.text
    assert outline.links == ["/docs/icon.svg", "/docs/docs.css", "/docs", "/docs/errors/", "model_unknown.md"]
    example = json.loads(outline.text.split("Example")[1].split("This page")[0])
    assert example["error"]["code"] == "model_not_found"
    assert example["error"]["docs_url"] == "/docs/errors/model_unknown"


def test_the_same_stands_in_markdown() -> None:
    text = reason_markdown(REASON)
    assert text.startswith(
        "# MODEL_UNKNOWN\n\n**Cause.** No model is called `<x>` & co.\n\n**Fix.** Use `GET /v1/models`."
    )
    assert "| HTTP status | 404 Not Found |" in text
    assert json.loads(text.split("```json\n")[1].split("```")[0])["error"]["type"] == "not_found_error"


def test_a_reason_that_passes_says_so() -> None:
    assert "x-should-retry: true" in reason_markdown(LATER)


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [(499, "", "| HTTP status | 499, in logs only |"), (502, "api_error", "| HTTP status | 502 Bad Gateway |")],
)
def test_a_status_by_its_name(status: int, kind: str, expected: str) -> None:
    reason = Reason(
        **{**{name: getattr(REASON, name) for name in REASON.__struct_fields__}, "http_status": status, "type": kind}
    )
    assert expected in reason_markdown(reason)
    assert ("none: it is not answered" in reason_markdown(reason)) == (not kind)


def test_the_index_leads_to_every_page() -> None:
    outline = Outline(index_html([REASON, LATER]))
    assert {"/docs/errors/model_unknown", "/docs/errors/overloaded", "/docs/errors/index.md"} <= set(outline.links)
    assert "No model is called <x> & co." in outline.text
    lines = index_markdown([REASON, LATER]).splitlines()
    assert lines[4] == (
        "| [MODEL_UNKNOWN](/docs/errors/model_unknown.md) | 404 | NOT_FOUND | `model_not_found` "
        "| No model is called `<x>` & co. |"
    )
    assert len(lines) == 6
