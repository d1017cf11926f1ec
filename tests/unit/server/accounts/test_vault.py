"""The vault: what is sealed opens in its own place with its own key, and nowhere else."""

import pytest
from msgspec.structs import replace

from server.accounts.vault import Place, SealBrokenError, Vault, WrongKeyError, masked

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PLACE = Place("provider-key", "ws_1", "prov_1")
API_KEY = "sk-test-0123456789abcdef"


@pytest.mark.parametrize("text", ["", API_KEY, "ключ", "x" * 4096])
def test_what_is_sealed_can_be_opened(text: str) -> None:
    vault = Vault(KEY)
    assert vault.open(vault.seal(text, PLACE), PLACE) == text


def test_a_sealed_key_shows_nothing_and_never_looks_the_same() -> None:
    vault = Vault(KEY)
    sealed = {vault.seal(API_KEY, PLACE) for _ in range(10_000)}
    assert len(sealed) == 10_000
    assert len({text[9:21] for text in sealed}) == 10_000
    assert not any(b"sk-test" in text for text in sealed)


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(replace(PLACE, row_id="prov_2"), id="another row"),
        pytest.param(replace(PLACE, workspace_id="ws_2"), id="another workspace"),
        pytest.param(replace(PLACE, purpose="webhook"), id="another purpose"),
    ],
)
def test_a_sealed_key_that_is_moved_does_not_open(elsewhere: Place) -> None:
    vault = Vault(KEY)
    with pytest.raises(SealBrokenError, match="moved"):
        vault.open(vault.seal(API_KEY, PLACE), elsewhere)


def test_any_flipped_bit_breaks_the_seal() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(API_KEY, PLACE)
    for index in range(len(sealed) * 8):
        broken = bytearray(sealed)
        broken[index // 8] ^= 1 << index % 8
        with pytest.raises(SealBrokenError):
            vault.open(bytes(broken), PLACE)


def test_any_cut_breaks_the_seal() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(API_KEY, PLACE)
    for length in range(len(sealed)):
        with pytest.raises(SealBrokenError):
            vault.open(sealed[:length], PLACE)


def test_another_master_key_is_told_apart_from_tampering() -> None:
    with pytest.raises(WrongKeyError, match="another master key"):
        Vault(OTHER).open(Vault(KEY).seal(API_KEY, PLACE), PLACE)


def test_an_older_key_opens_what_it_sealed_and_seals_no_more() -> None:
    rotated = Vault(OTHER, older=[KEY])
    assert rotated.open(Vault(KEY).seal(API_KEY, PLACE), PLACE) == API_KEY
    with pytest.raises(WrongKeyError):
        Vault(KEY).open(rotated.seal(API_KEY, PLACE), PLACE)


def test_a_place_cannot_be_written_in_two_ways() -> None:
    with pytest.raises(ValueError, match="must not contain"):
        Vault(KEY).seal(API_KEY, Place("a|b", "c", "d"))


@pytest.mark.parametrize(
    ("api_key", "shown"),
    [
        pytest.param("sk-proj-0123456789wxyz", "sk-...wxyz", id="a long key shows its ends"),
        pytest.param("gsk_0123456789ab", "gsk...89ab", id="16 characters are long enough"),
        pytest.param("short-key-12345", "****", id="a shorter one shows nothing"),
        pytest.param("abc", "****", id="a very short one neither"),
    ],
)
def test_a_mask_never_shows_a_short_key(api_key: str, shown: str) -> None:
    assert masked(api_key) == shown
