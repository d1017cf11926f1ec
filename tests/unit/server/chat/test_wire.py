"""A wire request never shows its headers or its body; the time-outs are bounded."""

from server.chat.wire import FixedHeaders, Timeouts, WireRequest


def test_credentials_and_content_are_not_in_any_text_form() -> None:
    request = WireRequest("POST", "https://x.example/v1", {"Authorization": "Bearer sk-canary"}, b"canary")
    assert "canary" not in f"{request!r} {request}"
    assert "https://x.example/v1" in repr(request)


def test_every_default_time_out_fits_into_the_whole() -> None:
    timeouts = Timeouts()
    assert 0 < timeouts.connect_s <= timeouts.idle_s <= timeouts.first_byte_s <= timeouts.total_s


def test_headers_that_go_along_with_many_requests_show_their_names_alone() -> None:
    headers = FixedHeaders({"Authorization": "Bearer sk-canary"})
    assert f"{headers!r} {headers}" == "FixedHeaders(Authorization) FixedHeaders(Authorization)"
    assert (dict(headers), headers.written) == ({"Authorization": "Bearer sk-canary"}, None)
