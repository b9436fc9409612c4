import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medx.core.files import atomic_dir, atomic_path, make_dir, safe_name, sha256_file, write_json


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_path(target) as temporary:
        temporary.write_text("half \ud800", encoding="utf-8")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "index"
    for content in ("one", "two"):
        with atomic_dir(target) as temporary:
            (temporary / content).touch()
    assert [p.name for p in target.iterdir()] == ["two"]
    with pytest.raises(KeyboardInterrupt), atomic_dir(target):
        raise KeyboardInterrupt
    assert [p.name for p in target.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [target]


def test_written_files_are_as_readable_as_any(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    write_json(tmp_path / "a.json", {"é": 1})
    assert (tmp_path / "a.json").stat().st_mode == plain.stat().st_mode
    assert "é" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_sha256_matches_hashlib(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "x").write_bytes(data)
    assert sha256_file(tmp_path / "x") == hashlib.sha256(data).hexdigest()


@given(st.text())
def test_any_name_becomes_one_visible_path_part(name):
    safe = safe_name(name)
    assert safe
    assert safe[0] != "."
    assert all(c.isalnum() or c in "-_." for c in safe)
    assert safe_name(safe) == safe


def test_usual_names_stay_as_they_are():
    assert safe_name("my_data-2.1") == "my_data-2.1"
    assert safe_name("../etc/x") == "etc-x"
    assert safe_name("..") == "images"


@pytest.mark.parametrize("write", [atomic_path, atomic_dir])
def test_errors_name_the_path_and_not_its_temporary_sibling(tmp_path, write):
    target = tmp_path / ("x" * 250)
    with pytest.raises(OSError, match="too long") as raised, write(target):
        pass
    assert raised.value.filename == str(target)
    (tmp_path / "plain").mkdir()
    with pytest.raises(OSError, match=r"'.*/plain'$"), atomic_path(tmp_path / "plain"):
        pass


def test_errors_inside_a_folder_name_its_file(tmp_path):
    with pytest.raises(FileNotFoundError) as raised, atomic_dir(tmp_path / "new") as temporary:
        (temporary / "images" / "a.png").write_bytes(b"")
    assert raised.value.filename == str(tmp_path / "new" / "images" / "a.png")
    with pytest.raises(FileNotFoundError) as raised, atomic_dir(tmp_path / "new"):
        (tmp_path / ".new.yaml" / "other").read_bytes()
    assert raised.value.filename == str(tmp_path / ".new.yaml" / "other")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_is_told_with_the_path(tmp_path):
    path = tmp_path / "out.json"
    with pytest.raises(OSError, match=r"No space left.*out\.json"), atomic_path(path):
        Path("/dev/full").write_text("much")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_replaced_by_a_folder(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(NotADirectoryError, match="is a file, not a folder"):  # noqa: SIM117
        with atomic_dir(tmp_path / "mine"):
            pytest.fail("nothing may be written")
    with pytest.raises(NotADirectoryError) as raised:
        make_dir(tmp_path / "mine" / "deeper" / "down")
    assert raised.value.filename == str(tmp_path / "mine")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
