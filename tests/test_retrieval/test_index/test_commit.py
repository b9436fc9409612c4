import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from test_retrieval.test_index.test_gallery_index import make_index

from medx.core.errors import InputError
from retrieval.index.commit import changing
from retrieval.index.description import load_description
from retrieval.index.gallery_index import GalleryIndex
from retrieval.store.compact import compact_index
from retrieval.store.remove import remove_images
from retrieval.store.verify import verify_index

HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1] + "/index.lock"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def index_dir(tmp_path):
    make_index(20).save(tmp_path / "x")
    return tmp_path / "x"


@pytest.fixture
def held(index_dir):
    """Another process that holds the lock until its input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(index_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        yield other
        other.kill()


def test_a_second_writer_is_told(held, index_dir):
    with pytest.raises(InputError, match="x is being changed by another process") as raised:
        remove_images(index_dir, ["i1"], wait=False)
    assert "--no-wait" in raised.value.hint
    assert len(GalleryIndex.load(index_dir)) == 20


def test_a_second_writer_waits_and_says_so(held, index_dir, capfd):
    done = threading.Thread(target=remove_images, args=(index_dir, ["i1"]))
    done.start()
    while "waiting until it has ended" not in capfd.readouterr().err:
        time.sleep(0.02)
    assert len(GalleryIndex.load(index_dir)) == 20
    held.stdin.close()
    done.join()
    assert len(GalleryIndex.load(index_dir)) == 19


def test_the_lock_of_a_killed_process_is_free(held, index_dir):
    held.kill()
    held.wait()
    assert remove_images(index_dir, ["i1"], wait=False).count == 19


def test_writers_in_threads_lose_nothing(index_dir):
    threads = [
        threading.Thread(target=remove_images, args=(index_dir, [f"i{n}"])) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(GalleryIndex.load(index_dir).items.column("id")) == sorted(
        f"i{n}" for n in range(6, 20)
    )
    assert load_description(index_dir).generation == 7


def test_a_reader_that_was_open_answers_as_before(index_dir):
    reader = GalleryIndex.load(index_dir)
    query = reader.embeddings(np.array([3]))
    before = reader.search(query, 20)
    remove_images(index_dir, ["i3", "i4"])
    compact_index(index_dir)
    assert len(list(index_dir.glob("*.faiss"))) == 1
    after = reader.search(query, 20)
    np.testing.assert_array_equal(after.rows, before.rows)
    assert reader.hits(after)[0].id == "i3"


def test_readers_that_open_while_it_changes(index_dir):
    """Opening is fast, so that only many attempts meet a change half-way."""
    stop = threading.Event()

    def change():
        while not stop.is_set():
            make_index(20).save(index_dir)

    writer = threading.Thread(target=change)
    writer.start()
    try:
        for _ in range(60):
            assert len(GalleryIndex.load(index_dir)) == 20
            assert verify_index(index_dir).ok
    finally:
        stop.set()
        writer.join()


def test_what_a_crash_left_is_named_and_swept(index_dir):
    left = index_dir / "segment-000000000000.vectors.faiss"
    left.write_bytes(b"half")
    (index_dir / ".index.json.abc.json").write_bytes(b"{")
    assert verify_index(index_dir).unnamed == (".index.json.abc.json", left.name)
    remove_images(index_dir, ["i3"])
    assert verify_index(index_dir).unnamed == ()
    assert not left.exists()


def test_a_failed_change_leaves_nothing(index_dir):
    before = sorted(os.listdir(index_dir))

    def fail_half_way(path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    with changing(index_dir) as change, pytest.raises(OSError, match="disk full"):
        change.write("segment-000000000000.vectors.faiss", fail_half_way)
    assert sorted(os.listdir(index_dir)) == before


def test_other_files_are_never_swept(index_dir):
    (index_dir / "notes.txt").write_text("mine")
    remove_images(index_dir, ["i3"])
    compact_index(index_dir)
    assert (index_dir / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "segment-x.faiss"])
def test_an_index_names_no_file_outside_its_folder(index_dir, name):
    path = index_dir / "index.json"
    own = load_description(index_dir).segments[0].vectors.name
    path.write_text(path.read_text().replace(own, name))
    with pytest.raises(InputError, match="damaged: segments"):
        GalleryIndex.load(index_dir)
