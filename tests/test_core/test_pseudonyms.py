import hashlib
import hmac
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medx.core.errors import InputError
from medx.core.pseudonyms import Pseudonyms, load_pseudonyms
from medx.core.settings import config_dir

ONE, OTHER = Pseudonyms(b"one key for tests"), Pseudonyms(b"another for tests")


@given(st.text(), st.text())
def test_codes_are_equal_exactly_when_the_identifiers_are(first, second):
    assert (ONE.code("patient", first) == ONE.code("patient", second)) == (first == second)
    assert re.fullmatch("[0-9a-f]{16}", ONE.code("patient", first))


def test_codes_depend_on_key_and_kind():
    codes = {p.code(kind, "4711") for p in (ONE, OTHER) for kind in ("patient", "study")}
    assert len(codes) == 4


def test_a_code_cannot_be_computed_from_public_data_alone():
    message = b"patient\x004711"
    guesses = {
        hashlib.sha256(b"4711"), hashlib.sha256(message), hmac.new(b"", message, "sha256"),
        hmac.new(b"4711", message, "sha256"), hashlib.md5(b"4711"),
    }  # fmt: skip
    assert ONE.code("patient", "4711") not in {guess.hexdigest()[:16] for guess in guesses}
    assert ONE.code("patient", "4711") == hmac.new(ONE.key, message, "sha256").hexdigest()[:16]


@given(st.integers(0, 10**30))
def test_uids_are_valid_and_hide_their_origin(number):
    uid = pydicom.uid.UID(ONE.uid(f"1.2.840.{number}"))
    assert uid.is_valid
    assert uid.startswith("2.25.")
    assert uid == ONE.uid(f"1.2.840.{number}") != OTHER.uid(f"1.2.840.{number}")


def test_the_key_is_made_once_and_private(capsys):
    first = load_pseudonyms()
    path = config_dir() / "pseudonym.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Keep it" in capsys.readouterr().err
    assert load_pseudonyms() == first
    assert capsys.readouterr().err == ""
    assert os.listdir(path.parent) == ["pseudonym.key"]
    assert first.key.decode() not in repr(first)


def test_callers_that_start_together_agree_on_one_key():
    with ThreadPoolExecutor(4) as pool:
        keys = {made.key for made in pool.map(lambda _: load_pseudonyms(), range(8))}
    assert len(keys) == 1


def test_the_variable_wins_and_writes_nothing(monkeypatch):
    monkeypatch.setenv("MEDX_PSEUDONYM_KEY", "a secret of the hospital")
    assert load_pseudonyms().key == b"a secret of the hospital"
    assert not config_dir().exists()


def test_a_guessable_key_is_refused(monkeypatch):
    monkeypatch.setenv("MEDX_PSEUDONYM_KEY", "secret")
    with pytest.raises(InputError, match="at least 16 characters"):
        load_pseudonyms()


def test_a_key_others_can_read_is_warned_about(capsys):
    load_pseudonyms()
    (config_dir() / "pseudonym.key").chmod(0o644)
    load_pseudonyms()
    assert "chmod 600" in capsys.readouterr().err
