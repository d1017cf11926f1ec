"""The gateway's secrets: made once, for the owner alone, and refused when they are not what they should be."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.accounts.secrets import Secrets, SecretsInvalidError, secret_from

GIVEN = "0123456789abcdef0123456789abcdef"


def test_the_first_start_makes_them_and_the_next_finds_them(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    made = Secrets.load(directory)
    assert Secrets.load(directory) == made
    assert len({made.vault_key, made.key_pepper, made.jwt_key}) == 3
    assert {len(key) for key in (made.vault_key, made.key_pepper, made.jwt_key)} == {32}
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}
    assert modes == {"master.key": 0o600, "jwt.key": 0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_two_directories_have_nothing_in_common(tmp_path: Path) -> None:
    one, two = Secrets.load(tmp_path / "one"), Secrets.load(tmp_path / "two")
    assert one.vault_key != two.vault_key
    assert one.jwt_key != two.jwt_key


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(Secrets.load, [tmp_path / "data"] * 16))
    assert all(secrets == loaded[0] for secrets in loaded)
    assert len(list((tmp_path / "data").iterdir())) == 2


def test_given_secrets_are_used_and_nothing_is_made(tmp_path: Path) -> None:
    secrets = Secrets.load(tmp_path, GIVEN, GIVEN + "\n")
    assert secrets == Secrets.load(tmp_path / "elsewhere", f" {GIVEN} ", GIVEN)
    assert list(tmp_path.iterdir()) == []


def test_the_master_key_and_the_token_secret_are_apart(tmp_path: Path) -> None:
    one, two = Secrets.load(tmp_path, GIVEN, GIVEN), Secrets.load(tmp_path, GIVEN, GIVEN[::-1])
    assert (one.vault_key, one.key_pepper) == (two.vault_key, two.key_pepper)
    assert one.jwt_key != two.jwt_key


def test_a_short_secret_is_refused_with_a_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SecretsInvalidError, match="31 bytes long and must be at least 32: make one with `openssl"):
        Secrets.load(tmp_path, GIVEN[1:])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("ab" * 31, id="cut short"),
        pytest.param("ab" * 33, id="too long"),
        pytest.param("xy" * 32, id="not hexadecimal"),
        pytest.param("é" * 64, id="not ASCII"),
    ],
)
def test_a_damaged_file_is_reported_and_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(SecretsInvalidError, match=r"master\.key") as raised:
        Secrets.load(tmp_path)
    assert path.read_text(encoding="utf-8") == content
    assert not content or content not in str(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    Secrets.load(tmp_path)
    (tmp_path / "jwt.key").chmod(mode)
    with pytest.raises(SecretsInvalidError, match=f"mode {mode:04o}.*chmod 600"):
        Secrets.load(tmp_path)


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SecretsInvalidError, match="cannot be made or read"):
        Secrets.load(tmp_path / "data")


def test_a_repr_shows_nothing(tmp_path: Path) -> None:
    assert repr(Secrets.load(tmp_path)) == "Secrets()"


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        pytest.param({}, None, id="not set"),
        pytest.param({"NAME": ""}, None, id="set to nothing"),
        pytest.param({"NAME": "value"}, "value", id="in the variable"),
        pytest.param({"NAME_FILE": "FILE"}, "from the file", id="in a file"),
    ],
)
def test_a_secret_comes_from_a_variable_or_a_file(tmp_path: Path, variables: dict[str, str], found: str | None) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    environment = {name: value.replace("FILE", str(tmp_path / "secret")) for name, value in variables.items()}
    assert secret_from(environment, "NAME") == found


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param({"NAME": "value", "NAME_FILE": "x"}, "Both NAME and NAME_FILE", id="both"),
        pytest.param({"NAME_FILE": "/nowhere/at/all"}, "cannot be read", id="a file that is not there"),
    ],
)
def test_an_ambiguous_or_missing_secret_is_refused(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SecretsInvalidError, match=message):
        secret_from(variables, "NAME")
