import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import write_dataset
from PIL import Image as PILImage

from medx.core.content_hash import content_hash
from medx.core.errors import InputError
from medx.core.images import image_from_array, read_image, resize, to_grey
from medx.datasets import image_identity, pixel_store
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import file_reader, load_manifest
from medx.datasets.pixel_cache import READER_VERSION, is_cached


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_dataset(tmp_path / "set", {"a": 3, "b": 3})


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the files decoded so far."""
    names: list[str] = []

    def counting(path, *, frame=0):
        names.append(Path(path).name)
        return read_image(path, frame=frame)

    monkeypatch.setattr("medx.datasets.manifest_files.read_image", counting)
    return names


def plainly(dataset: Dataset, size: int) -> np.ndarray:
    return np.stack([resize(to_grey(dataset.read(r).pixels), size) for r in dataset.records])


def entries() -> list[Path]:
    return sorted(p for p in pixel_store.store_dir().glob("v*") if p.is_dir())


def leftovers() -> list[Path]:
    return list(pixel_store.store_dir().glob(".*"))


def test_a_second_run_decodes_nothing_and_gets_the_same_pixels(folder, decoded):
    dataset = load_manifest(folder)
    first = dataset.load_pixels(16)
    assert len(decoded) == 18
    again = load_manifest(folder).load_pixels(16)
    assert len(decoded) == 18
    assert again.records == dataset.records
    for loaded in (first, again):
        assert np.array_equal(loaded.pixels, plainly(dataset, 16))
        assert not loaded.pixels.flags.writeable


def test_sizes_and_colours_are_kept_apart(folder):
    dataset = load_manifest(folder)
    assert dataset.load_pixels(16).pixels.shape == (18, 16, 16)
    assert dataset.load_pixels(20).pixels.shape == (18, 20, 20)
    assert replace(dataset, colour=True).load_pixels(16).pixels.shape == (18, 16, 16, 3)
    assert len(entries()) == 3


def test_new_splits_labels_and_names_decode_nothing(folder, decoded):
    dataset = load_manifest(folder)
    for split in ("train", "val", "test"):
        dataset.split(split).load_pixels(16)
    decoded.clear()
    shuffled = [replace(r, id=f"x{i}", label="c") for i, r in enumerate(dataset.records[::-1])]
    loaded = replace(dataset, records=tuple(shuffled)).load_pixels(16)
    assert decoded == []
    assert loaded.records == tuple(shuffled)
    assert np.array_equal(loaded.pixels, plainly(dataset, 16)[::-1])


def test_a_copied_folder_decodes_nothing(folder, tmp_path, decoded):
    load_manifest(folder).load_pixels(16)
    folder.rename(tmp_path / "elsewhere")
    decoded.clear()
    load_manifest(tmp_path / "elsewhere").load_pixels(16)
    assert decoded == []


@pytest.mark.parametrize("settled", [True, False])
def test_an_edit_of_the_same_size_at_the_same_time_is_seen(folder, decoded, monkeypatch, settled):
    if settled:  # remember hashes as for files that nobody touched lately
        monkeypatch.setattr(image_identity, "SETTLED_NS", 0)
    victim = folder / "images" / "val-b-001.png"
    PILImage.fromarray(np.full((28, 28), 60, np.uint8)).save(victim)
    before, status = load_manifest(folder).load_pixels(28), victim.stat()
    PILImage.fromarray(np.full((28, 28), 90, np.uint8)).save(victim)
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert victim.stat().st_size == status.st_size
    decoded.clear()
    after = load_manifest(folder).load_pixels(28)
    assert decoded == [victim.name]
    row = [r.id for r in after.records].index("val-b-001")
    assert (before.pixels[row] == 60).all()
    assert (after.pixels[row] == 90).all()


def test_hashes_of_settled_files_are_remembered_without_names(folder, monkeypatch):
    monkeypatch.setattr(image_identity, "SETTLED_NS", 0)
    time.sleep(0.02)
    load_manifest(folder).load_pixels(16)
    (memory,) = (pixel_store.store_dir() / "files").iterdir()
    assert "val-b" not in memory.read_text()
    monkeypatch.setattr(image_identity, "sha256_file", None)  # hashing again would fail
    load_manifest(folder).load_pixels(16)
    memory.write_text("[]")
    monkeypatch.undo()
    load_manifest(folder).load_pixels(16)


def test_unreadable_images_are_listed_from_the_cache_too(folder, decoded, capfd):
    for name in ("train-a-000", "val-b-001"):
        (folder / "images" / f"{name}.png").write_bytes(b"junk")
    (folder / "images" / "test-a-000.png").unlink()
    first = load_manifest(folder).load_pixels(16)
    decoded.clear()
    capfd.readouterr()
    again = load_manifest(folder).load_pixels(16)
    assert len(decoded) == 3
    assert "skipped 3 unreadable images" in capfd.readouterr().err
    assert first.skipped == again.skipped
    assert [name for name, _ in again.skipped] == ["train-a-000", "val-b-001", "test-a-000"]
    assert first.records == again.records
    assert len(again.pixels) == len(again.records) == 15


def test_a_file_that_appears_joins_without_decoding_the_rest(folder, decoded):
    victim = folder / "images" / "val-b-001.png"
    away = victim.rename(folder / "away.png")
    assert len(load_manifest(folder).load_pixels(16).records) == 17
    away.rename(victim)
    decoded.clear()
    assert len(load_manifest(folder).load_pixels(16).records) == 18
    assert decoded == [victim.name]


def test_an_image_that_a_new_decoder_reads_is_no_longer_skipped(folder, monkeypatch):
    def refuse(path, *, frame=0):
        if Path(path).name == "val-b-001.png":
            raise InputError("no decoder for it")
        return read_image(path, frame=frame)

    with monkeypatch.context() as lacking:
        lacking.setattr("medx.datasets.manifest_files.read_image", refuse)
        assert load_manifest(folder).load_pixels(16).skipped == (
            ("val-b-001", "no decoder for it"),
        )
    dataset = load_manifest(folder)
    for _ in range(2):
        assert np.array_equal(dataset.load_pixels(16).pixels, plainly(dataset, 16))
    assert len(entries()) == 1


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 5)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("pixels.npy", _truncate),
        ("pixels.npy", _flip),
        ("pixels.npy", lambda path: path.write_bytes(b"junk")),
        ("pixels.npy", Path.unlink),
        ("items.json", _truncate),
        ("items.json", lambda path: path.write_text("[]")),
        ("items.json", Path.unlink),
    ],
)
def test_a_damaged_entry_is_rebuilt_with_a_warning(folder, decoded, capfd, name, damage):
    dataset = load_manifest(folder)
    dataset.load_pixels(16)
    damage(entries()[0] / name)
    decoded.clear()
    capfd.readouterr()
    assert np.array_equal(dataset.load_pixels(16).pixels, plainly(dataset, 16))
    assert "damaged pixel cache entry" in capfd.readouterr().err
    decoded.clear()
    dataset.load_pixels(16)
    assert decoded == []
    assert leftovers() == []


def test_of_two_builders_the_slower_discards_its_own(folder, decoded, monkeypatch):
    dataset = load_manifest(folder)
    rows = pixel_store.write_rows

    def overtaken(*args):
        monkeypatch.setattr("medx.datasets.pixel_cache.write_rows", rows)
        dataset.load_pixels(16)  # another process finishes first
        rows(*args)

    monkeypatch.setattr("medx.datasets.pixel_cache.write_rows", overtaken)
    assert np.array_equal(dataset.load_pixels(16).pixels, plainly(dataset, 16))
    assert len(entries()) == 1
    assert leftovers() == []


def test_two_processes_at_once_share_one_entry(folder):
    load = "import sys; from medx.datasets.manifest_files import load_manifest as load; "
    load += "from pathlib import Path; print(load(Path(sys.argv[1])).load_pixels(16).pixels.sum())"
    command = [sys.executable, "-c", load, str(folder)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    expected = f"{plainly(load_manifest(folder), 16).sum()}\n"
    assert [process.communicate()[0] for process in both] == [expected, expected]
    assert len(entries()) == 1
    assert leftovers() == []


def test_an_interrupt_leaves_no_half_entry(folder, monkeypatch):
    def stop(path, *, frame=0):
        if Path(path).name.startswith("val"):
            raise KeyboardInterrupt
        return read_image(path, frame=frame)

    with monkeypatch.context() as stopping:
        stopping.setattr("medx.datasets.manifest_files.read_image", stop)
        with pytest.raises(KeyboardInterrupt):
            load_manifest(folder).load_pixels(16)
    assert entries() == leftovers() == []
    assert len(load_manifest(folder).load_pixels(16).pixels) == 18


def test_a_file_edited_while_it_is_read_is_not_kept(folder, monkeypatch):
    def editing(path, *, frame=0):
        image = read_image(path, frame=frame)
        if Path(path).name == "val-b-001.png":
            PILImage.fromarray(np.zeros((28, 28), np.uint8)).save(path)
        return image

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("medx.datasets.manifest_files.read_image", editing)
        assert len(load_manifest(folder).load_pixels(16).pixels) == 18
    assert entries() == leftovers() == []


def test_without_space_pixels_stay_in_memory_with_one_warning(folder, monkeypatch, capfd):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    dataset = load_manifest(folder)
    for _ in range(2):
        assert np.array_equal(dataset.load_pixels(16).pixels, plainly(dataset, 16))
    assert capfd.readouterr().err.count("decoded pixels are not kept") == 1
    assert entries() == leftovers() == []


def test_a_disk_that_fills_up_costs_no_image(folder, monkeypatch, capfd):
    def full(folder, rows, shape):
        next(rows)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medx.datasets.pixel_cache.write_rows", full)
    dataset = load_manifest(folder)
    assert np.array_equal(dataset.load_pixels(16).pixels, plainly(dataset, 16))
    assert "No space left" in capfd.readouterr().err
    assert entries() == leftovers() == []


def test_a_cache_that_cannot_be_a_folder_is_done_without(folder, tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDX_CACHE_DIR", str(tmp_path / "file"))
    assert len(load_manifest(folder).load_pixels(16).pixels) == 18
    assert "decoded pixels are not kept" in capfd.readouterr().err


def test_the_least_recently_used_entries_go_first(folder, monkeypatch):
    dataset = load_manifest(folder)
    for age, size in enumerate((16, 20, 24)):
        dataset.load_pixels(size)
        items = next(e for e in entries() if f"-{size}-" in e.name) / "items.json"
        os.utime(items, (time.time() - 900 + age, time.time() - 900 + age))
        os.utime(items.parent / "pixels.npy", (0, 0))
        os.utime(items.parent, (0, 0))
    dataset.load_pixels(16)  # used again: 20 is the oldest now
    monkeypatch.setattr(pixel_store, "MAX_ENTRIES", 3)
    dataset.load_pixels(28)
    assert [e.name.split("-")[1] for e in entries()] == ["16", "24", "28"]
    monkeypatch.setenv("MEDX_CACHE_LIMIT", "0.00001")
    dataset.load_pixels(32)
    assert [e.name.split("-")[1] for e in entries()] == ["32"]


def test_what_a_crash_left_is_swept_after_a_day(folder):
    crashed = pixel_store.store_dir() / ".crashed"
    crashed.mkdir(parents=True)
    load_manifest(folder).load_pixels(16)
    assert leftovers() == [crashed]
    os.utime(crashed, (0, 0))
    load_manifest(folder).load_pixels(20)
    assert leftovers() == []


def test_a_limit_of_zero_keeps_nothing(folder, monkeypatch):
    monkeypatch.setenv("MEDX_CACHE_LIMIT", "0")
    assert len(load_manifest(folder).load_pixels(16).pixels) == 18
    assert entries() == []
    monkeypatch.setenv("MEDX_CACHE_LIMIT", "lots")
    with pytest.raises(InputError, match="number of GiB"):
        load_manifest(folder).load_pixels(16)


def test_the_cache_is_shown_and_emptied(folder, cli):
    assert cli("data", "cache", "info", "--json").json["entries"] == 0
    load_manifest(folder).load_pixels(16)
    assert cli("data", "cache", "info", "--json").json["bytes"] > 18 * 16 * 16
    assert "1 entries" in cli("data", "cache", "info").stdout
    assert "removed 1 entries" in cli("data", "cache", "clear").stdout
    assert cli("data", "cache", "clear", "--json").json["entries"] == 0
    assert entries() == leftovers() == []


def test_array_rows_are_cached_only_when_they_must_be_resized(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    np.savez_compressed(tmp_path / "x.npz", train_images=array, train_labels=np.zeros((5, 1)))
    records = tuple(Record(id=str(i), path=f"x.npz#train/{i}") for i in range(5))
    dataset = Dataset(
        name="x", records=records, classes=(), location="", reader=file_reader(tmp_path)
    )
    assert not is_cached(dataset, 28)
    assert np.array_equal(dataset.load_pixels(28).pixels, array)
    assert entries() == []
    assert is_cached(dataset, 14)
    assert np.array_equal(dataset.load_pixels(14).pixels, plainly(dataset, 14))
    np.savez_compressed(tmp_path / "x.npz", train_images=255 - array, train_labels=np.zeros(5))
    assert np.array_equal(dataset.load_pixels(14).pixels, plainly(dataset, 14))
    assert np.array_equal(dataset.read(records[0]).pixels, 255 - array[0])


def test_a_reader_of_its_own_is_not_cached(folder):
    dataset = load_manifest(folder)
    black = replace(dataset, reader=lambda _: image_from_array(np.zeros((9, 9), np.uint8)))
    dataset.load_pixels(16)
    assert not black.load_pixels(16).pixels.any()


def test_readers_that_change_their_output_bump_the_version(tmp_path):
    ramp = (np.arange(40 * 30, dtype=np.uint16) * 53).reshape(40, 30)
    PILImage.fromarray(ramp).save(tmp_path / "deep.png")
    colour = np.stack([ramp >> 8, ramp & 255, (ramp >> 4) & 255], axis=-1).astype(np.uint8)
    PILImage.fromarray(colour).save(tmp_path / "colour.png")
    read = [to_grey(read_image(tmp_path / f"{n}.png").pixels) for n in ("deep", "colour")]
    seen = content_hash(np.stack([resize(pixels, 17) for pixels in read]))[:12]
    assert (READER_VERSION, seen) == (1, "66438d748c28")
