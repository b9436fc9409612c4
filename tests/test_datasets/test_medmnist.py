import hashlib
import http.server
import threading

import numpy as np
import pytest

from medx.core.errors import DataUnavailableError, InputError, UnknownNameError
from medx.datasets import medmnist
from medx.datasets.catalog import default_dataset, load_dataset
from medx.datasets.medmnist import find_npz, load_medmnist, parse_name, registry


def write_npz(path, *, colour=False, labels=1, classes=2):
    rng = np.random.default_rng(0)
    shape = (4, 28, 28, 3) if colour else (4, 28, 28)
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = rng.integers(0, 255, shape, dtype=np.uint8)
        arrays[f"{split}_labels"] = rng.integers(0, classes, (4, labels), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path


def test_the_registry_is_the_packages_own():
    medmnist_package = pytest.importorskip("medmnist.info")
    flags = {flag for flag in medmnist_package.INFO if "3d" not in flag}
    assert set(registry()) == flags
    assert parse_name("pathmnist_224") == ("pathmnist", 224)
    assert parse_name("nodulemnist3d") is None


def test_the_official_pneumonia_file_reads_as_published(real_data):
    dataset = load_medmnist("pneumoniamnist", data_dir=real_data)
    assert dataset.counts() == {
        "train": {"normal": 1214, "pneumonia": 3494},
        "val": {"normal": 135, "pneumonia": 389},
        "test": {"normal": 234, "pneumonia": 390},
    }
    with np.load(real_data / "pneumoniamnist.npz") as archive:
        expected = archive["test_images"][7]
    assert np.array_equal(dataset.read(dataset.find("test-00007")).pixels, expected)


def test_colour_and_multi_label_files_read(tmp_path):
    write_npz(tmp_path / "bloodmnist_64.npz", colour=True, classes=8)
    blood = load_medmnist("bloodmnist_64", data_dir=tmp_path)
    assert blood.colour
    assert len(blood.classes) == 8
    write_npz(tmp_path / "chestmnist.npz", labels=14)
    chest = load_medmnist("chestmnist", data_dir=tmp_path)
    assert any("|" in str(record.label) for record in chest.records)


def test_places_are_searched_in_order(tmp_path, monkeypatch):
    cached = write_npz(tmp_path / "cache" / "medmnist" / "pneumoniamnist.npz")
    assert find_npz("pneumoniamnist") == cached
    monkeypatch.setenv("MEDX_DATA_DIR", str(tmp_path / "mine"))
    mine = write_npz(tmp_path / "mine" / "pneumoniamnist.npz")
    assert find_npz("pneumoniamnist") == mine
    given = write_npz(tmp_path / "given" / "pneumoniamnist.npz")
    assert find_npz("pneumoniamnist", tmp_path / "given") == given


def test_nobody_needs_a_home_to_read_a_file_at_hand(tmp_path, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", homeless)
    monkeypatch.delenv("MEDX_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    given = write_npz(tmp_path / "given" / "pneumoniamnist.npz")
    assert find_npz("pneumoniamnist", tmp_path / "given") == given
    assert find_npz("pathmnist", tmp_path / "given") is None
    with pytest.raises(InputError, match="no home folder"):
        load_medmnist("pathmnist")


def test_absent_data_says_where_to_put_it_and_what_else_there_is():
    with pytest.raises(DataUnavailableError, match=r"pneumoniamnist\.npz") as caught:
        load_dataset("pneumoniamnist")
    assert caught.value.hint.endswith("or use the built-in synthetic dataset phantom-cxr")
    assert default_dataset() == "phantom-cxr"


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 cut"])
def test_damaged_files_are_clear_errors(tmp_path, content):
    (tmp_path / "pneumoniamnist.npz").write_bytes(content)
    with pytest.raises(InputError, match="not a readable MedMNIST file"):
        load_medmnist("pneumoniamnist", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["pneumoniamnits", "pneumoniamnist_63"])
def test_unknown_names_are_refused(name):
    with pytest.raises(UnknownNameError):
        load_dataset(name)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serve a folder on loopback and point the registry at it."""
    folder = tmp_path / "served"
    path = write_npz(folder / "pneumoniamnist.npz")
    handler = lambda *args: http.server.SimpleHTTPRequestHandler(*args, directory=str(folder))  # noqa: E731
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)
    entry = dict(registry()["pneumoniamnist"])
    entry["url"] = f"http://127.0.0.1:{server.server_port}/{path.name}"
    entry["MD5"] = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(medmnist, "registry", lambda: {"pneumoniamnist": entry})
    yield entry
    server.shutdown()
    server.server_close()


def test_a_download_is_checked_and_kept(served, tmp_path):
    dataset = load_medmnist("pneumoniamnist")
    assert dataset.location == str(tmp_path / "cache" / "medmnist" / "pneumoniamnist.npz")
    served["url"] = "http://127.0.0.1:1/gone"
    assert len(load_medmnist("pneumoniamnist")) == 12


def test_a_damaged_download_is_refused_and_not_kept(served, tmp_path):
    served["MD5"] = "0" * 32
    with pytest.raises(DataUnavailableError, match="damaged"):
        load_medmnist("pneumoniamnist")
    assert not list((tmp_path / "cache").rglob("*.npz"))


def test_an_unreachable_server_ends_in_the_offline_advice(served):
    served["url"] = "http://127.0.0.1:1/gone"
    with pytest.raises(DataUnavailableError, match="could not be downloaded"):
        load_medmnist("pneumoniamnist")
