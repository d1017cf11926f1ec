"""What looks like personal data or a secret is taken out, and nothing else is changed."""

import json
import random

import pytest

from server.ledger.redaction import redacted

FOUND = [
    ("write to ann.b+x@mail.example.co.uk.", "write to [email]."),
    ("4111 1111 1111 1111", "[card]"),
    ("card 5500-0055-5555-5559!", "card [card]!"),
    ("to DE89 3704 0044 0532 0130 00 please", "to [iban] please"),
    ("call +49 170 1234567 or +1 (555) 123-4567", "call [phone] or [phone]"),
    ("tel 0049-30-1234567", "tel [phone]"),
    ("from 192.168.1.1:8000", "from [ip]:8000"),
    ("key sk-proj-abcdefghijklmnop", "key [secret]"),
    ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
    ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "Bearer [secret]"),
]
KEPT = [
    "2026-01-28T14:00:00Z", "4111 1111 1111 1112", "order 12345678901234567890", "3.14159265358979", "1.2.3", "@home",
    "a @ b", "sk-short", "version 1.2.3.400", "req_01m82mf4aqfqkaad5k4seqbwxb", "-1 +2 = 1", "", "ключ и 鍵",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FOUND, ids=[text for text, _ in FOUND])
def test_what_looks_like_it_is_taken_out(text: str, expected: str) -> None:
    assert redacted(text) == expected
    for body in (json.dumps({"a": ["x\n" + text + "\ty"]}), json.dumps({"ü": "é " + text}, ensure_ascii=False)):
        assert json.loads(redacted(body)) == json.loads(body.replace(text, expected))


@pytest.mark.parametrize("text", KEPT, ids=ascii)
def test_other_text_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"ann\\u0040example.com"', '"[email]"'),
        ('"http:\\/\\/x.example\\/?to=ann@example.com"', '"http://x.example/?to=[email]"'),
        ('"\\nann@example.com\\n"', '"\\n[email]\\n"'),
        ('"\\u00fcann@example.com"', '"\\u00fc[email]"'),
        ('"a\\\\u0040b.com"', '"a\\\\u0040b.com"'),
        ('"say \\"hi\\" \\u0022 \\u005c"', '"say \\"hi\\" \\u0022 \\u005c"'),
    ],
    ids=[
        "an escape hides nothing", "a slash that was escaped", "an escape before it", "a letter as an escape before it",
        "an escaped backslash is no escape", "what must be escaped stays so",
    ],
)  # fmt: skip
def test_escapes_neither_hide_nor_break_anything(text: str, expected: str) -> None:
    assert redacted(text) == expected
    json.loads(redacted(text))


@pytest.mark.parametrize("seed", range(20))
def test_a_long_text_stays_json_and_loses_all_of_it(seed: int) -> None:
    chance = random.Random(seed)
    words = ["ann@example.com", "lorem", 'a "quote"', "back\\slash", "\n", "4111111111111111", "é", "12", "x" * 300]
    value = {"texts": [" ".join(chance.choices(words, k=chance.randrange(1, 900))) for _ in range(10)]}
    for is_ascii in (True, False):
        found = redacted(json.dumps(value, ensure_ascii=is_ascii))
        expected = json.loads(found)
        assert "@" not in found
        assert "4111111111111111" not in found
        assert [text.count("[email]") for text in expected["texts"]] == [
            text.count("ann@example.com") for text in value["texts"]
        ]


@pytest.mark.parametrize("text", ["a" * 300_000, "1 " * 150_000, "a." * 150_000, "+1 " * 100_000, "\\" * 100_001])
def test_no_text_takes_long(text: str) -> None:
    # Quadratic time would be minutes.
    redacted(text)
