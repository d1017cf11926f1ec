"""Credentials of several members as one text."""

import pytest

from server.errors import RequestInvalid
from server.providers.credential import CredentialForm

FORM = CredentialForm(
    ways=(("key",), ("access_key_id", "secret_access_key"), ("tenant_id", "client_secret")),
    optional=("region", "session_token"),
    shown=("access_key_id", "tenant_id"),
)

READ = [
    ("a plain key", "ABSKQmVk=", {"key": "ABSKQmVk="}),
    ("a plain key with a name that means nothing", "sk=abc", {"key": "sk=abc"}),
    ("a named key", "key=abc=;region=us-east-1", {"key": "abc=", "region": "us-east-1"}),
    ("two members", "access_key_id=AKIA;secret_access_key=a/b+c=",
     {"access_key_id": "AKIA", "secret_access_key": "a/b+c="}),
    ("in any order", "secret_access_key=s;access_key_id=a", {"secret_access_key": "s", "access_key_id": "a"}),
    ("with what is optional", "access_key_id=a;secret_access_key=s;session_token=t==;region=r;",
     {"access_key_id": "a", "secret_access_key": "s", "session_token": "t==", "region": "r"}),
    ("blanks around members do not count", " access_key_id = a ; secret_access_key = s ",
     {"access_key_id": "a", "secret_access_key": "s"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "members"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_reads(text: str, members: dict[str, str]) -> None:
    assert FORM.read(text) == members


REFUSED = [
    ("half a credential", "access_key_id=AKIASECRET", "has access_key_id"),
    ("members of two", "access_key_id=a;client_secret=SECRET", "has access_key_id, client_secret"),
    ("a member that is not known", "access_key_id=a;secret=SECRET", "the known ones are access_key_id"),
    ("a piece without a name", "access_key_id=a;SECRET", "not known"),
    ("a member twice", "access_key_id=a;access_key_id=SECRET", "'access_key_id' twice"),
    ("an empty member", "access_key_id=;secret_access_key=SECRET", "'access_key_id' of api_key is empty"),
]


@pytest.mark.parametrize(("text", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refuses_and_tells_why_without_the_secret(text: str, says: str) -> None:
    with pytest.raises(RequestInvalid, match=says) as caught:
        FORM.read(text)
    assert caught.value.param == "api_key"
    assert "SECRET" not in caught.value.message


def test_a_plain_key_may_be_no_credential() -> None:
    form = CredentialForm(ways=(("a", "b"),))
    with pytest.raises(RequestInvalid, match=r"must be 'a=\.\.\.;b=\.\.\.', but has key"):
        form.read("SECRET")


def test_what_may_be_shown() -> None:
    assert FORM.shown_of("secret_access_key=s;access_key_id=AKIA") == "AKIA"
    assert FORM.shown_of("ABSK") == "ABSK"
    assert CredentialForm(ways=(("a", "b"),)).shown_of("a=1;b=2") == ""
