"""Ctrl-C in the middle of a change leaves what was there before, or what should be there after."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import write_dataset

from retrieval.index.gallery_index import GalleryIndex
from retrieval.store.remove import remove_images
from retrieval.store.verify import verify_index

#: Runs ``medx`` and sends Ctrl-C to it when it flushes its first file, or has published its state.
INTERRUPTED = """
import os, signal, sys
from medx.cli import main
moment, *words = sys.argv[1:]
flush, replace = os.fsync, os.replace
def stop_before(handle):
    if moment == "before":
        os.kill(os.getpid(), signal.SIGINT)
    flush(handle)
def stop_after(source, target, **options):
    replace(source, target, **options)
    if moment == "after" and os.path.basename(target) == "index.json":
        os.kill(os.getpid(), signal.SIGINT)
os.fsync, os.replace = stop_before, stop_after
main(words)
"""


@pytest.fixture
def index(index_dir):
    """An index of 179 images, with the room of another to be given back."""
    folder = Path(shutil.copytree(index_dir, "index/two"))
    remove_images(folder, ["train-normal-000"])
    return folder


@pytest.mark.parametrize(
    ("words", "moment", "said", "counts"),
    [
        ("add two --dataset more", "before", "index two is as it was; run the", (179, 185)),
        ("add two --dataset more", "after", "index two was changed before, as a", (185, 185)),
        ("compact two", "before", "index two is as it was; run the", (179, 179)),
        ("merge two --into new", "before", "there is no index new yet; run the", (0, 179)),
    ],
)
def test_ctrl_c_in_a_change(cli, index, words, moment, said, counts):
    write_dataset(Path("more"), {"ring": 2})
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, moment, "retrieve", *words.split()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.splitlines()[-1].startswith(f"interrupted: {said}")
    changed = index.with_name("new" if "new" in words else "two")
    assert _held(changed) == counts[0]
    again = cli("retrieve", *words.split(), "--json")
    assert again.exit_code == 0, again.stderr
    assert _held(changed) == counts[1]


def test_ctrl_c_in_adapting(cli, index):
    words = ("retrieve", "adapt", "--index", "two", "--epochs", 1, "--name", "a", "--device", "cpu")
    adapted = index.with_name("two-adapted-a")

    def stop(handle):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", stop)
        done = cli(*words)
    assert (done.exit_code, done.stdout) == (130, "")
    said = "interrupted: there is no index two-adapted-a yet; run the command again"
    assert done.stderr.splitlines()[-1] == said
    assert (_held(index), _held(adapted)) == (179, 0)
    assert not Path("output/retrieve/adapt/a").exists()
    again = cli(*words)
    assert again.exit_code == 0, again.stderr
    assert _held(adapted) == 179


def _held(folder):
    """Return how many images an index holds, whole and with nothing beside it."""
    files = [path.name for path in folder.glob("*")]
    if "index.json" not in files:
        assert set(files) <= {"index.lock"}
        return 0
    result = verify_index(folder)
    assert result.ok
    assert result.unnamed == ()
    assert not [name for name in files if name.startswith(".")]
    return len(GalleryIndex.load(folder))
