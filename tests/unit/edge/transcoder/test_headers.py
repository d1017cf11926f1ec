"""Headers become metadata and back by allow-lists only."""

import pytest

from edge.transcoder.faults import TranscodeError
from edge.transcoder.headers import accepts_trailers, inbound, outbound, outbound_lines, outbound_trailers


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("authorization", "Bearer x", ("authorization", "Bearer x"), id="a credential"),
        pytest.param("x-api-key", "pk_1", ("x-api-key", "pk_1"), id="a key"),
        pytest.param("traceparent", "00-a-b-01", ("traceparent", "00-a-b-01"), id="a trace"),
        pytest.param("x-perpetuo-strategy", "fastest", ("x-perpetuo-strategy", "fastest"), id="a knob of ours"),
        pytest.param("cache-control", "no-cache", ("cache-control", "no-cache"), id="what caches may do"),
        pytest.param("idempotency-key", "1", ("idempotency-key", "1"), id="an idempotency key"),
        pytest.param("anthropic-version", "2023-06-01", ("anthropic-version", "2023-06-01"), id="Anthropic's version"),
        pytest.param("anthropic-beta", "a-1,b-2", ("anthropic-beta", "a-1,b-2"), id="Anthropic's betas"),
        pytest.param("grpc-metadata-custom", "v", ("custom", "v"), id="a prefixed entry"),
        pytest.param("grpc-metadata-data-bin", "AP8", ("data-bin", b"\x00\xff"), id="binary without padding"),
        pytest.param("grpc-metadata-data-bin", "AP8=", ("data-bin", b"\x00\xff"), id="binary with padding"),
        pytest.param("grpc-metadata-data-bin", "_-8", ("data-bin", b"\xff\xef"), id="binary in the other alphabet"),
        pytest.param("grpc-metadata-data-bin", "", ("data-bin", b""), id="empty binary"),
        pytest.param("grpc-metadata-a.b_c-d", "", ("a.b_c-d", ""), id="every character of a name"),
    ],
)
def test_a_header_passes(name: str, value: str, expected: tuple[str, str | bytes]) -> None:
    assert inbound([(name.encode(), value.encode())], None) == (expected,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(b"custom", b"v", id="a header on no list"),
        pytest.param(b"cookie", b"v", id="a cookie"),
        pytest.param(b"anthropic-dangerous-direct-browser-access", b"true", id="another one of Anthropic's"),
        pytest.param(b"host", b"v", id="the host"),
        pytest.param(b"grpc-timeout", b"1S", id="the transport's own"),
        pytest.param(b"grpc-metadata-x", "é".encode(), id="a value that is not ASCII"),
        pytest.param(b"grpc-metadata-x", b"a\tb", id="a control character"),
        pytest.param(b"authorization", b"a\x7f", id="a control character in a credential"),
        pytest.param(b"grpc-metadata-", b"v", id="no name"),
        pytest.param(b"grpc-metadata-a b", b"v", id="a space in the name"),
        pytest.param(b"grpc-metadata-\xc3\xa9", b"v", id="a name that is not ASCII"),
        pytest.param(b"x-perpetuo-\xff", b"v", id="a knob whose name is not ASCII"),
    ],
)
def test_a_header_does_not_pass(name: bytes, value: bytes) -> None:
    assert inbound([(name, value)], None) == ()


@pytest.mark.parametrize(
    "name", ["grpc-status", "grpc-metadata-x", "content-type", "te", "host", "connection", "x-forwarded-for", ":path"]
)
def test_a_reserved_metadata_name_is_refused(name: str) -> None:
    with pytest.raises(TranscodeError) as caught:
        inbound([(b"grpc-metadata-" + name.encode(), b"v")], None)
    assert caught.value.http_status == 400


@pytest.mark.parametrize("value", ["A", "AP8*", "A P8", "====A"])
def test_broken_base64_is_a_400(value: str) -> None:
    with pytest.raises(TranscodeError):
        inbound([(b"grpc-metadata-data-bin", value.encode())], None)


def test_duplicates_are_kept_in_order() -> None:
    headers = [(b"grpc-metadata-x", b"1"), (b"authorization", b"a"), (b"grpc-metadata-x", b"2")]
    assert inbound(headers, None) == (("x", "1"), ("authorization", "a"), ("x", "2"))


@pytest.mark.parametrize(
    ("chain", "peer", "expected"),
    [
        pytest.param([], "10.0.0.1", "10.0.0.1", id="the peer alone"),
        pytest.param([b"1.2.3.4, 5.6.7.8"], "10.0.0.1", "1.2.3.4, 5.6.7.8, 10.0.0.1", id="the peer comes last"),
        pytest.param(
            [b"1.2.3.4", b"5.6.7.8"], "10.0.0.1", "1.2.3.4, 5.6.7.8, 10.0.0.1", id="several headers are one chain"
        ),
        pytest.param([b"\xff"], "10.0.0.1", "10.0.0.1", id="what is not text is left out"),
        pytest.param([b"1.2.3.4"], None, "1.2.3.4", id="no peer"),
    ],
)
def test_the_forwarding_chain_grows_by_the_peer(chain: list[bytes], peer: str | None, expected: str) -> None:
    headers = [(b"x-forwarded-for", value) for value in chain]
    assert inbound(headers, peer) == (("x-forwarded-for", expected),)


def test_allowed_metadata_leaves_under_its_name_and_other_with_a_prefix() -> None:
    metadata: list[tuple[str, str | bytes]] = [
        ("x-request-id", "req_1"),
        ("x-ratelimit-limit", "20"),
        ("x-perpetuo-attempts", "2"),
        ("retry-after", "3"),
        ("content-disposition", 'attachment; filename="a.csv"'),
        ("custom", "v"),
        ("b-bin", b"\0\xff"),
    ]
    assert outbound(metadata) == [
        (b"x-request-id", b"req_1"),
        (b"x-ratelimit-limit", b"20"),
        (b"x-perpetuo-attempts", b"2"),
        (b"retry-after", b"3"),
        (b"content-disposition", b'attachment; filename="a.csv"'),
        (b"grpc-metadata-custom", b"v"),
        (b"grpc-metadata-b-bin", b"AP8"),
    ]


@pytest.mark.parametrize("name", ["grpc-status-details-bin", "content-type", ":status", "te", "a b", "a\r\nset-cookie"])
def test_the_transports_own_metadata_stays(name: str) -> None:
    assert outbound([(name, "v")]) == outbound_trailers([(name, "v")], accepts_trailers=True) == []


def test_a_line_break_in_a_value_is_harmless() -> None:
    assert outbound([("custom", "a\r\nset-cookie: b")]) == [(b"grpc-metadata-custom", b"a??set-cookie: b")]


def test_trailers_leave_when_asked_for() -> None:
    trailing = [("retry-after", "3"), ("custom", "v")]
    assert outbound_trailers(trailing, accepts_trailers=False) == [(b"retry-after", b"3")]
    assert outbound_trailers(trailing, accepts_trailers=True) == [
        (b"retry-after", b"3"),
        (b"grpc-trailer-custom", b"v"),
    ]


@pytest.mark.parametrize(
    ("te", "expected"), [([], False), (["gzip"], False), (["trailers"], True), (["gzip, Trailers"], True)]
)
def test_trailers_are_asked_for_by_te(te: list[str], expected: bool) -> None:
    assert accepts_trailers(te) is expected


def test_limits_under_anthropics_names_go_out_as_they_are() -> None:
    pair = ("anthropic-ratelimit-requests-limit", "20")
    assert outbound([pair]) == [(b"anthropic-ratelimit-requests-limit", b"20")]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="nothing else"),
        pytest.param([(b"x-perpetuo-data-bin", b"AP8")], id="a knob that is binary"),
        pytest.param([(b"cookie", b"v" * 9)] * 60, id="more headers than are remembered"),
        pytest.param([(b"n" * 2000, b"v")], id="a longer name than is remembered"),
    ],
)
def test_what_headers_become_does_not_depend_on_what_stands_beside_them(more: list[tuple[bytes, bytes]]) -> None:
    headers = [
        (b"authorization", b"a"),
        (b"x-perpetuo-cache", b"off"),
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"user-agent", b"\xff"),
        (b"x-perpetuo-a b", b"v"),
    ]
    expected = {("authorization", "a"), ("x-perpetuo-cache", "off"), ("x-forwarded-for", "1.2.3.4, ::1")}
    for _ in range(2):
        assert set(inbound([*headers, *more], "::1")) - {("x-perpetuo-data-bin", b"\x00\xff")} == expected


ID = ("x-request-id", "req_1")
BOTH = ("x-request-id", "request-id")


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        pytest.param([], b"", id="the id alone"),
        pytest.param([("x-ratelimit-limit", "20")], b"x-ratelimit-limit: 20\r\n", id="what is allowed"),
        pytest.param([("a%sb", "v")], None, id="what no name may hold"),
        pytest.param([("custom", "50%s")], b"grpc-metadata-custom: 50%s\r\n", id="a percent sign"),
        pytest.param([("custom", "a\r\nset-cookie: b")], None, id="a line break"),
        pytest.param([("custom", "\u00e9")], None, id="text beyond ASCII"),
        pytest.param([("b-bin", b"1")], None, id="bytes"),
        pytest.param([ID], None, id="a second id"),
        pytest.param([("te", "v")], None, id="what is the transport's"),
    ],
)
def test_lines_are_written_of_plain_metadata_alone(more: list[tuple[str, str | bytes]], lines: bytes | None) -> None:
    whole = None if lines is None else b"x-request-id: req_1\r\nrequest-id: req_1\r\n" + lines
    assert outbound_lines([ID, *more], BOTH) == whole


@pytest.mark.parametrize("metadata", [[], [("custom", "v")]], ids=["no metadata", "no id"])
def test_lines_begin_with_the_id(metadata: list[tuple[str, str | bytes]]) -> None:
    assert outbound_lines(metadata, BOTH) is None
