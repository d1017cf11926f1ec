"""Base URLs as they are entered, and addresses as they are dialled."""

import socket

import pytest

from server.errors import BaseUrlRefused
from server.upstream.egress import AddressBlockedError, GuardedResolver, check_base_url, guarded_socket, is_numeric
from tests.unit.server.upstream.asking import Names

HOSTILE: list[tuple[str, str]] = [
    ("", "is empty"),
    ("https://", "form https://host/path"),
    ("https:///v1", "form https://host/path"),
    ("api.example.com/v1", "form https://host/path"),
    ("//api.example.com/v1", "start with https://"),
    ("ftp://api.example.com", "start with https://"),
    ("file:///etc/passwd", "form https://host/path"),
    ("gopher://api.example.com", "start with https://"),
    ("javascript:alert(1)", "form https://host/path"),
    ("demo:", "form https://host/path"),
    ("unix:///var/run/docker.sock", "form https://host/path"),
    ("http://api.example.com/v1", "must use https"),
    ("https://user:secret@api.example.com", "user name"),
    ("https://api.example.com@127.0.0.1", "user name"),
    ("https://127.0.0.1\\@api.example.com", "backslash"),
    ("https://api.example.com\\.evil.example", "backslash"),
    ("https://api.example.com/v1?key=1", "query"),
    ("https://api.example.com/v1?", "query"),
    ("https://api.example.com/v1#x", "fragment"),
    ("https://api.example.com#@evil.example", "fragment"),
    ("https://api.example.com /v1", "blank"),
    (" https://api.example.com", "blank"),
    ("https://api.example.com\n", "blank"),
    ("https://api.exa\tmple.com", "blank"),
    ("https://api.example.com/\r\nHost: x", "blank"),
    ("https://api.example.com/\x00", "blank"),
    ("https://bücher.example", "punycode"),
    ("https://①②⑦.0.0.1", "punycode"),
    ("https://127。0。0。1", "punycode"),
    ("https://api.example.com/../admin", "segments"),
    ("https://api.example.com/./v1", "segments"),
    ("https://api.example.com//v1", "segments"),
    ("https://api.example.com/%2e%2e/admin", "segments"),
    ("https://api.example.com/v1%2f", "segments"),
    ("https://api.example.com/%0d%0aHost:x", "segments"),
    ("https://api.example.com/%zz", "segments"),
    ("https://api.example.com:0", "port"),
    ("https://api.example.com:65536", "port"),
    ("https://api.example.com:-1", "port"),
    ("https://api.example.com:x", "port"),
    ("https://api.example.com:", "port"),
    ("https://127.0.0.1", "loopback"),
    ("https://127.0.0.1.:443", "loopback"),
    ("https://127.1", "four decimal"),
    ("https://2130706433", "four decimal"),
    ("https://0x7f000001", "four decimal"),
    ("https://0x7f.0.0.1", "four decimal"),
    ("https://0177.0.0.1", "four decimal"),
    ("https://127.0.0.01", "four decimal"),
    ("https://1.2.3.4.5", "four decimal"),
    ("https://256.1.1.1", "four decimal"),
    ("https://0", "four decimal"),
    ("https://10.0.0.1", "private"),
    ("https://169.254.169.254/latest/meta-data", "link-local"),
    ("https://100.100.100.200", "carrier"),
    ("https://192.168.0.1", "private"),
    ("https://0.0.0.0", "unspecified"),
    ("https://255.255.255.255", "reserved"),
    ("https://[::1]", "loopback"),
    ("https://[::]", "unspecified"),
    ("https://[::ffff:127.0.0.1]", "loopback"),
    ("https://[::ffff:7f00:1]", "loopback"),
    ("https://[64:ff9b::7f00:1]", "loopback"),
    ("https://[2002:7f00:1::]", "loopback"),
    ("https://[fe80::1%25eth0]", "zone"),
    ("https://[fe80::1%eth0]", "zone"),
    ("https://[fd00::1]", "private"),
    ("https://[::1", "IPv6"),
    ("https://[v1.x]", "IPv6"),
    ("https://[127.0.0.1]", "IPv6"),
    ("https://localhost", "private network"),
    ("https://LOCALHOST.", "private network"),
    ("https://a.localhost", "private network"),
    ("https://vllm", "private network"),
    ("https://printer.local", "private network"),
    ("https://metadata.google.internal", "private network"),
    ("https://router.lan", "private network"),
    ("https://-a.example", "host name"),
    ("https://a..example", "host name"),
    ("https://.example", "host name"),
    ("https://%31%32%37.0.0.1", "host name"),
    (f"https://{'a' * 64}.example", "host name"),
    (f"https://a.example/{'x' * 2048}", "longer than"),
]


@pytest.mark.parametrize(("url", "rule"), HOSTILE, ids=[repr(url)[:60] for url, _ in HOSTILE])
def test_refuses_and_says_why(url: str, rule: str) -> None:
    with pytest.raises(BaseUrlRefused) as caught:
        check_base_url(url, allow_private=False)
    assert rule in caught.value.message
    assert caught.value.param == "base_url"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("HTTPS://API.OpenAI.com:443/v1//"[:-1], "https://api.openai.com/v1"),
        ("https://api.example.com.", "https://api.example.com"),
        ("https://api.example.com:8443/a/B-c_d~e", "https://api.example.com:8443/a/B-c_d~e"),
        ("https://xn--bcher-kva.example/v1", "https://xn--bcher-kva.example/v1"),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1"),
        ("https://[2606:4700:0::1111]/v1", "https://[2606:4700::1111]/v1"),
        ("https://my_host.example/a%20b", "https://my_host.example/a%20b"),
    ],
)
def test_normalises_what_it_accepts(url: str, normal: str) -> None:
    assert check_base_url(url, allow_private=False) == normal
    assert check_base_url(normal, allow_private=False) == normal


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9100/v1",
        "http://localhost:11434/v1",
        "https://10.0.0.1",
        "http://[::1]:80",
        "http://vllm:8000",
    ],
)
def test_a_private_network_can_be_allowed(url: str) -> None:
    assert check_base_url(url, allow_private=True) == url.removesuffix(":80")


@pytest.mark.parametrize(
    "url", ["https://a@localhost", "http://127.1", "ftp://localhost", "http://localhost/?x", "http://[::1%25lo]"]
)
def test_the_other_rules_hold_in_a_private_network_too(url: str) -> None:
    with pytest.raises(BaseUrlRefused):
        check_base_url(url, allow_private=True)


async def test_gives_the_addresses_of_a_public_name() -> None:
    found = await GuardedResolver(Names("8.8.8.8", "2606:4700::1")).resolve("a.example", 443)
    assert [info[4][0] for info in found] == ["8.8.8.8", "2606:4700::1"]


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("8.8.8.8", "::ffff:127.0.0.1"), ("fe80::1%eth0",), ("what is this",)],
)
async def test_one_address_that_is_not_public_blocks_a_name(addresses: tuple[str, ...]) -> None:
    with pytest.raises(AddressBlockedError):
        await GuardedResolver(Names(*addresses)).resolve("a.example", 443)


def test_no_socket_is_made_for_an_address_that_is_not_public() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))
    with pytest.raises(AddressBlockedError, match="loopback"):
        guarded_socket(info, allow_private=False)
    guarded_socket(info, allow_private=True).close()


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("127.0.0.1", True), ("127.1", True), ("0x7f000001", True), ("2130706433", True), ("1.a.example", False)],
)
def test_every_spelling_of_an_ipv4_address_is_one(host: str, is_one: bool) -> None:
    assert is_numeric(host) is is_one
