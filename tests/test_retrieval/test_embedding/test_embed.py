import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.content_hash import content_hash
from medx.core.errors import InputError
from medx.core.images import read_image
from medx.datasets.manifest import Record
from medx.datasets.manifest_files import load_manifest
from retrieval.config import EmbedConfig
from retrieval.embedding.embed import embed_dataset, share_out
from retrieval.embedding.store import default_folder
from retrieval.encoders.compact import CompactEncoder
from retrieval.encoders.load import load_encoder

SMALL = EmbedConfig(batch_size=8, shard_size=20)


class CountingEncoder(ToyEncoder):
    """Counts the images it sees, and can be made to stop at one."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.seen = 0
        self.stop_at = stop_at

    def _embed_image_batch(self, images):
        if self.stop_at is not None and self.seen + len(images) > self.stop_at:
            raise KeyboardInterrupt
        self.seen += len(images)
        return super()._embed_image_batch(images)


@pytest.fixture
def own(two_class, tmp_path):
    """A copy of the two-class dataset, to be changed."""
    return shutil.copytree(two_class, tmp_path / "own")


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Let files be remembered that were just written: no test edits one within a tick."""
    monkeypatch.setattr("medx.datasets.image_identity.SETTLED_NS", -(10**12))


def vectors(result, size=4096):
    """Return ids and embeddings, in order."""
    parts = list(result.images.parts(size))
    ids = [record.id for part in parts for record in part.records]
    return ids, np.concatenate([part.embeddings for part in parts])


def pixels_of(folder, dataset):
    return [read_image(folder / record.path).pixels for record in dataset.records]


def test_embeddings_are_the_encoder_s_own(own):
    dataset = load_manifest(own)
    result = embed_dataset(dataset, ToyEncoder(), config=SMALL)
    ids, embeddings = vectors(result, size=7)
    assert ids == [record.id for record in dataset.records]
    pixels = pixels_of(own, dataset)
    np.testing.assert_array_equal(embeddings, ToyEncoder().embed_images(pixels))
    (part, *_) = result.images.parts(3)
    assert part.content_hashes == tuple(content_hash(image) for image in pixels[:3])
    assert (result.count, result.embedded, result.reused, result.shards) == (180, 180, 0, 9)
    assert (result.batch_size, result.batch_size_reason) == (8, "asked for")
    assert Path(result.folder) == default_folder(ToyEncoder().fingerprint)
    assert result.seconds_embedding > 0
    assert "images" not in result.model_dump()


@pytest.fixture(params=["compact", "biomedclip"])
def real_encoder(request, tmp_path):
    if request.param == "compact":
        return CompactEncoder()
    from test_retrieval.tiny_biomedclip import write_tiny_biomedclip

    folder = write_tiny_biomedclip(tmp_path / "tiny")
    return load_encoder("biomedclip", weights=folder, device="cpu")


def test_a_shrunk_image_embeds_as_the_whole_one(real_encoder):
    rng = np.random.default_rng(0)
    for shape in ((28, 28), (300, 200), (200, 301, 3), (64, 64), (3, 90)):
        image = rng.integers(0, 256, shape, dtype=np.uint8)
        small = real_encoder.shrink(image)
        whole = real_encoder.embed_images([image])
        np.testing.assert_array_equal(real_encoder.embed_images([small]), whole)
        assert min(small.shape[:2]) <= 64


def test_nothing_is_embedded_twice(own):
    first = CountingEncoder()
    embed_dataset(load_manifest(own), first, config=SMALL)
    second = CountingEncoder()
    result = embed_dataset(load_manifest(own), second, config=SMALL)
    assert (first.seen, second.seen) == (180, 0)
    assert (result.count, result.embedded, result.reused) == (180, 0, 180)
    assert (result.batch_size, result.shards) == (8, 9)


def test_files_in_a_known_state_are_not_opened(own):
    embed_dataset(load_manifest(own), ToyEncoder(), config=SMALL)
    dataset = load_manifest(own)
    opened = []
    reader = type(dataset.reader)

    class Watching(reader):
        def __call__(self, record):
            opened.append(record.id)
            return super().__call__(record)

    watched = replace(dataset, reader=Watching(dataset.reader.root))
    path = own / dataset.records[50].path
    pixels = np.array(PILImage.open(path))
    pixels[0, 0] ^= 1
    PILImage.fromarray(pixels).save(path)
    result = embed_dataset(watched, CountingEncoder(), config=SMALL)
    assert opened == [dataset.records[50].id]
    assert (result.embedded, result.reused) == (1, 179)
    _, embeddings = vectors(result)
    np.testing.assert_array_equal(embeddings[50:51], ToyEncoder().embed_images([pixels]))


def test_a_file_that_may_still_change_is_read_again(own, monkeypatch):
    monkeypatch.setattr("medx.datasets.image_identity.SETTLED_NS", 10**18)
    dataset = load_manifest(own)
    embed_dataset(dataset, ToyEncoder(), config=SMALL)
    shutil.copy(own / dataset.records[1].path, own / dataset.records[0].path)
    result = embed_dataset(dataset, CountingEncoder(), config=SMALL)
    assert (result.embedded, result.reused) == (0, 180)
    (part, *_) = result.images.parts()
    assert part.content_hashes[0] == part.content_hashes[1]


def test_renamed_relabelled_and_moved_images_keep_their_embeddings(own, tmp_path):
    embed_dataset(load_manifest(own), ToyEncoder(), config=SMALL)
    moved = own.rename(tmp_path / "moved")
    dataset = load_manifest(moved)
    records = tuple(replace(r, id=f"new-{r.id}", label=None) for r in reversed(dataset.records))
    encoder = CountingEncoder()
    result = embed_dataset(replace(dataset, records=records), encoder, config=SMALL)
    assert encoder.seen == 0
    ids, embeddings = vectors(result)
    assert ids == [record.id for record in records]
    expected = ToyEncoder().embed_images(pixels_of(moved, replace(dataset, records=records)))
    np.testing.assert_array_equal(embeddings, expected)


def test_the_same_picture_twice_is_embedded_once(own):
    dataset = load_manifest(own)
    for place in (1, 30, 170):  # in one batch, in another shard, and far away
        shutil.copy(own / dataset.records[0].path, own / dataset.records[place].path)
    encoder = CountingEncoder()
    result = embed_dataset(dataset, encoder, config=SMALL)
    assert (encoder.seen, result.embedded, result.repeated, result.count) == (177, 177, 3, 180)
    _, embeddings = vectors(result)
    for place in (1, 30, 170):
        np.testing.assert_array_equal(embeddings[place], embeddings[0])


def test_unreadable_images_are_skipped_counted_and_listed(own, capfd):
    dataset = load_manifest(own)
    broken = [dataset.records[place] for place in (0, 19, 20, 179)]
    (own / broken[0].path).write_bytes(b"no image")
    (own / broken[1].path).write_bytes(b"")
    (own / broken[2].path).unlink()
    (own / broken[3].path).write_bytes((own / broken[3].path).read_bytes()[:99])
    result = embed_dataset(dataset, ToyEncoder(), config=SMALL)
    assert [skipped.id for skipped in result.skipped] == [record.id for record in broken]
    assert all(skipped.reason for skipped in result.skipped)
    assert (result.count, len(result.images)) == (176, 176)
    ids, embeddings = vectors(result)
    assert set(ids).isdisjoint(record.id for record in broken)
    assert len(embeddings) == 176
    assert "skipped 4 unreadable images, first:" in capfd.readouterr().err
    shutil.copy(own / dataset.records[5].path, own / broken[0].path)
    again = embed_dataset(dataset, CountingEncoder(), config=SMALL)
    assert (again.count, again.embedded, len(again.skipped)) == (177, 0, 3)


def test_nothing_readable(own):
    shutil.rmtree(own / "images")
    result = embed_dataset(load_manifest(own), ToyEncoder(), config=SMALL)
    assert result.count == 0
    with pytest.raises(InputError, match="no readable image in two: "):
        result.require_images()


def test_split_and_limit(own):
    config = replace(SMALL, split="val", limit=7)
    result = embed_dataset(load_manifest(own), ToyEncoder(), config=config)
    assert (result.count, len(result.images.dataset)) == (7, 7)
    assert {record.split for record in result.images.dataset.records} == {"val"}


def test_ctrl_c_keeps_whole_batches_and_the_rest_is_as_if_nothing_was(own, tmp_path, capfd):
    dataset = load_manifest(own)
    whole = vectors(embed_dataset(dataset, ToyEncoder(), tmp_path / "whole", SMALL))[1]
    with pytest.raises(KeyboardInterrupt):
        embed_dataset(dataset, CountingEncoder(stop_at=50), tmp_path / "x", SMALL)
    assert f"kept 48 embeddings in {tmp_path / 'x'}" in capfd.readouterr().err
    encoder = CountingEncoder()
    result = embed_dataset(dataset, encoder, tmp_path / "x", SMALL)
    assert (encoder.seen, result.reused, result.embedded) == (132, 48, 132)
    assert vectors(result)[1].tobytes() == whole.tobytes()


def test_a_damaged_shard_is_embedded_again(own, capfd):
    dataset = load_manifest(own)
    first = embed_dataset(dataset, ToyEncoder(), config=SMALL)
    path = sorted(Path(first.folder).glob("*.safetensors"))[0]
    path.write_bytes(path.read_bytes()[:-1])
    encoder = CountingEncoder()
    again = embed_dataset(dataset, encoder, config=SMALL)
    assert "embedded again" in capfd.readouterr().err
    assert (encoder.seen, again.reused, again.count) == (20, 160, 180)
    np.testing.assert_array_equal(vectors(again)[1], vectors(first)[1])


def test_an_image_that_cannot_be_scaled_is_skipped(own):
    class Fussy(ToyEncoder):
        def shrink(self, image):
            raise MemoryError("no room")

    result = embed_dataset(load_manifest(own), Fussy(), config=replace(SMALL, limit=3))
    assert [skipped.reason for skipped in result.skipped] == ["it cannot be scaled: no room"] * 3


def test_batches_shrink_with_the_memory(own):
    class Small(CountingEncoder):
        def _embed_image_batch(self, images):
            if len(images) > 3:
                raise MemoryError
            return super()._embed_image_batch(images)

    result = embed_dataset(load_manifest(own), Small(), config=SMALL)
    assert (result.batch_size, result.embedded) == (2, 180)


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize(
    ("count", "batch", "shard"),
    [(0, 8, 20), (5, 8, 20), (180, 8, 20), (181, 1, 7), (100, "auto", 512)],
)
def test_every_record_is_taken_by_one_process(monkeypatch, count, batch, shard, processes):
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    config = EmbedConfig(batch_size=batch, shard_size=shard)
    taken = []
    for rank in range(processes):
        monkeypatch.setenv("RANK", str(rank))
        taken += [position for part in share_out(count, config) for position in part]
    assert sorted(taken) == list(range(count))


def test_settings_are_checked():
    for name in ("batch_size", "shard_size", "workers"):
        with pytest.raises(ValueError, match=f"{name} must be >= 1, got 0"):
            EmbedConfig(**{name: 0})


MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from medx.core.images import image_from_array
from medx.datasets.manifest import Dataset, Record
from retrieval.config import EmbedConfig
from retrieval.embedding.embed import embed_dataset
from test_retrieval.toy_encoder import ToyEncoder

def read(record):
    pixels = np.zeros((512, 512), np.uint8)
    pixels[0, :8] = np.frombuffer(int(record.id).to_bytes(8, "little"), np.uint8)
    return image_from_array(pixels)

records = tuple(Record(id=str(n), path=str(n)) for n in range(int(sys.argv[1])))
dataset = Dataset(name="x", records=records, classes=(), location="memory", reader=read)
config = EmbedConfig(batch_size=8, shard_size=64, workers=2)
result = embed_dataset(dataset, ToyEncoder(), Path(sys.argv[2]), config)
for part in result.images.parts(64):
    assert len(part.embeddings)
print(result.embedded, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts peak memory in KiB as Linux does")
def test_memory_does_not_grow_with_the_images(tmp_path):
    def peak(count):
        tests = str(Path(__file__).parents[2])
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(count), str(tmp_path / str(count))],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": tests},
        )  # fmt: skip
        embedded, kibibytes = done.stdout.split()
        assert int(embedded) == count
        return int(kibibytes) / 1024

    # 1800 more images are 450 MiB of pixels.
    assert abs(peak(2000) - peak(200)) < 20


def test_a_dataset_in_memory_is_embedded_too(own, tmp_path):
    dataset = load_manifest(own).split("val", limit=6)
    kept = {record.id: dataset.read(record) for record in dataset.records}
    in_memory = replace(dataset, reader=lambda record: kept[record.id], root=None)
    result = embed_dataset(in_memory, ToyEncoder(), tmp_path / "x")
    again = embed_dataset(in_memory, CountingEncoder(), tmp_path / "x")
    assert (result.count, again.embedded, again.reused) == (6, 0, 6)


def test_one_file_of_many_rows_and_its_frames_are_told_apart(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 9), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", train_images=pixels, train_labels=np.zeros((5, 1)))
    (tmp_path / "manifest.csv").write_text(
        "id,path\n" + "".join(f"{n},x.npz#train/{n}\n" for n in range(5))
    )
    dataset = load_manifest(tmp_path)
    for _ in range(2):
        result = embed_dataset(dataset, ToyEncoder())
        np.testing.assert_array_equal(vectors(result)[1], ToyEncoder().embed_images(list(pixels)))
    assert (result.reused, result.repeated) == (5, 0)


def test_records_are_read_in_order_whatever_takes_long(own):
    dataset = load_manifest(own)
    config = replace(SMALL, workers=5)
    ids, _ = vectors(embed_dataset(dataset, ToyEncoder(), config=config))
    assert ids == [record.id for record in dataset.records]
    assert isinstance(dataset.records[0], Record)
