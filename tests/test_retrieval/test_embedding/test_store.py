import os
import time

import numpy as np
import pytest

from medx.core.errors import IndexMismatchError, InputError
from retrieval.embedding.shard import Shard, load_shard, save_shard
from retrieval.embedding.store import ENCODER_FILE, EmbeddingStore, as_rows, default_folder
from retrieval.encoders.base import Fingerprint

ENCODER = Fingerprint(name="toy", weights_sha256="0" * 64, preprocessing="none", dim=4)


def a_shard(seed=0, n=6, files=3):
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (n, 32), dtype=np.uint8)
    return Shard(
        embeddings=rng.normal(size=(n, 4)).astype(np.float32),
        content_hashes=hashes,
        file_signatures=rng.integers(0, 256, (files, 16), dtype=np.uint8),
        file_hashes=hashes[:files],
    )


def test_a_shard_comes_back_as_it_was(tmp_path):
    shard = a_shard()
    path = save_shard(shard, tmp_path, ENCODER)
    again = load_shard(path, ENCODER)
    for name, value in vars(shard).items():
        assert np.array_equal(getattr(again, name), value)
    assert save_shard(shard, tmp_path, ENCODER) == path
    assert list(tmp_path.iterdir()) == [path]


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path):
    path = save_shard(a_shard(), tmp_path, ENCODER)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match="damaged"):
            load_shard(path, ENCODER)
    for length in (0, 7, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="damaged"):
            load_shard(path, ENCODER)


def test_a_shard_of_another_dim_is_refused(tmp_path):
    wrong = ENCODER.model_copy(update={"dim": 5})
    path = save_shard(a_shard(), tmp_path, wrong)
    with pytest.raises(InputError, match="dim 5"):
        load_shard(path, wrong)


def test_a_shard_of_another_encoder_is_left_alone(tmp_path, capfd):
    other = ENCODER.model_copy(update={"precision": "int8"})
    shard = a_shard()
    path = save_shard(shard, tmp_path / "x", other)
    (tmp_path / "x" / ENCODER_FILE).write_text(ENCODER.model_dump_json())
    with pytest.raises(IndexMismatchError, match="at int8, not by toy"):
        load_shard(path, ENCODER)
    store = EmbeddingStore(tmp_path / "x", ENCODER)
    assert "left alone" in capfd.readouterr().err
    assert not store.holds(bytes(shard.content_hashes[0]))
    assert path.is_file()


def test_what_was_added_is_found_now_and_by_the_next(tmp_path):
    store = EmbeddingStore(tmp_path / "x", ENCODER)
    first, second = a_shard(1), a_shard(2)
    store.add(first)
    store.add(second)
    order = [3, 0, 5]
    for opened in (store, EmbeddingStore(tmp_path / "x", ENCODER)):
        assert (len(opened), opened.shards) == (12, 2)
        for shard in (second, first):
            wanted = shard.content_hashes[order]
            assert np.array_equal(opened.embeddings(wanted), shard.embeddings[order])
            assert opened.holds(wanted[0].tobytes())
            known = opened.recall(shard.file_signatures[2].tobytes())
            assert known == shard.file_hashes[2].tobytes()
        assert not opened.holds(bytes(32))
        assert opened.recall(bytes(16)) is None
    assert not store.held_before(first.content_hashes[0].tobytes())
    assert opened.held_before(first.content_hashes[0].tobytes())


def test_adding_a_shard_again_changes_nothing(tmp_path):
    store = EmbeddingStore(tmp_path / "x", ENCODER)
    store.add(a_shard())
    store.add(a_shard())
    assert (len(store), store.shards) == (6, 1)


def test_what_two_processes_add_at_once_is_there(tmp_path):
    one, two = (EmbeddingStore(tmp_path / "x", ENCODER) for _ in range(2))
    one.add(a_shard(1))
    two.add(a_shard(2))
    both = EmbeddingStore(tmp_path / "x", ENCODER)
    assert len(both) == 12


def test_a_damaged_shard_is_left_out_with_a_warning_and_its_files_forgotten(tmp_path, capfd):
    shard = a_shard()
    EmbeddingStore(tmp_path / "x", ENCODER).add(shard)
    (path,) = (tmp_path / "x").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-4])
    store = EmbeddingStore(tmp_path / "x", ENCODER)
    assert "damaged" in capfd.readouterr().err
    assert len(store) == 0
    assert store.recall(shard.file_signatures[0].tobytes()) is None
    assert not path.exists()


def test_a_file_whose_picture_was_lost_is_forgotten(tmp_path):
    shard = a_shard()
    store = EmbeddingStore(tmp_path / "x", ENCODER)
    store.add(shard)
    none = np.empty((0, 32), np.uint8)
    files = Shard(
        embeddings=np.empty((0, 4), np.float32),
        content_hashes=none,
        file_signatures=np.full((2, 16), 9, np.uint8),
        file_hashes=as_rows([bytes(32), shard.content_hashes[5].tobytes()]),
    )
    store.add(files)
    assert store.recall(bytes([9]) * 16) == shard.content_hashes[5].tobytes()


def test_a_shard_that_is_gone_meanwhile_is_told(tmp_path):
    store = EmbeddingStore(tmp_path / "x", ENCODER)
    store.add(a_shard())
    for path in (tmp_path / "x").glob("*.safetensors"):
        path.unlink()
    with pytest.raises(InputError, match="removed meanwhile"):
        store.embeddings(a_shard().content_hashes)
    with pytest.raises(InputError, match="lacks an embedding"):
        store.embeddings(a_shard(5).content_hashes)


def test_vectors_of_an_index_are_taken_over_once(tmp_path):
    shard = a_shard()
    twice = np.concatenate([shard.content_hashes, shard.content_hashes[:2]])
    vectors = np.concatenate([shard.embeddings, shard.embeddings[:2]])
    for _ in range(2):
        store = EmbeddingStore(tmp_path / "x", ENCODER, held=[(twice, vectors.__getitem__)])
        assert (len(store), store.shards) == (6, 1)
        assert np.array_equal(store.embeddings(shard.content_hashes), shard.embeddings)
        assert store.held_before(twice[0].tobytes())


def test_another_encoder_is_refused(tmp_path):
    EmbeddingStore(tmp_path / "x", ENCODER)
    other = ENCODER.model_copy(update={"precision": "int8"})
    with pytest.raises(IndexMismatchError, match="not by toy"):
        EmbeddingStore(tmp_path / "x", other)
    assert default_folder(other) != default_folder(ENCODER)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        EmbeddingStore(tmp_path, ENCODER)
    (tmp_path / ENCODER_FILE).write_text("{")
    with pytest.raises(InputError, match="damaged"):
        EmbeddingStore(tmp_path, ENCODER)


def test_what_a_crash_left_is_removed_once_it_is_old(tmp_path):
    EmbeddingStore(tmp_path / "x", ENCODER)
    old, young = (tmp_path / "x" / f".{name}.safetensors" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    hours_ago = time.time() - 7200
    os.utime(old, (hours_ago, hours_ago))
    assert len(EmbeddingStore(tmp_path / "x", ENCODER)) == 0
    assert (old.exists(), young.exists()) == (False, True)
