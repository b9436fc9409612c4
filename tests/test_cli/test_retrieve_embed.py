import inspect
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import fields

import numpy as np
import pytest

from medx.cli import retrieve
from medx.core import settings
from medx.core.registry import Entry
from medx.datasets.manifest_files import load_manifest
from retrieval.config import EmbedConfig
from retrieval.embedding.embed import embed_dataset
from retrieval.embedding.store import default_folder
from retrieval.encoders import ENCODERS
from retrieval.encoders.compact import CompactEncoder
from retrieval.index.gallery_index import GalleryIndex

ENCODERS.register(
    "toy", Entry("test_retrieval.toy_encoder:ToyEncoder", "mean grey value of each ninth")
)

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
ACCELERATE = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]


@pytest.fixture
def toy(cli, two_class):
    """Embed the two-class dataset, or build an index of it, with the toy encoder."""

    def run(command, *args):
        return cli("retrieve", command, *args, "--dataset", two_class, "--encoder", "toy")

    return run


@pytest.fixture
def start(two_class):
    """Start a command on the two-class dataset with `compact`, in a process of its own."""

    def run(command, *args):
        words = ["-m", "medx.cli", "retrieve", command, "--dataset", str(two_class)]
        return subprocess.Popen(
            [sys.executable, *words, "--encoder", "compact", "--batch-size", "4", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return run


def wait_for_shard(process, folder):
    while not list(folder.glob("[!.]*.safetensors")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def test_embed_says_what_it_did(toy):
    said = toy("embed").stdout
    assert "180 synthetic images of two by toy" in said
    assert "180 embedded, 0 there already" in said
    assert "images/s, batch size 64 (auto: " in said
    result = toy("embed", "--json").json
    assert (result["count"], result["embedded"], result["reused"]) == (180, 0, 180)
    assert (result["processes"], result["schema_version"]) == (1, 1)
    assert "Research use only" in result["disclaimer"]
    assert "images" not in result


def test_build_takes_what_was_embedded(toy):
    toy("embed", "--split", "test")
    result = toy("build", "--json").json
    assert (result["count"], result["embedded"], result["reused"]) == (180, 120, 60)
    assert "180 embedded before" in toy("build").stdout


def test_an_output_folder_is_gone_on_with_only_when_asked(toy, tmp_path):
    folder = tmp_path / "mine"
    assert toy("embed", "--output", folder, "--limit", 5).exit_code == 0
    again = toy("embed", "--output", folder)
    assert again.exit_code == 1
    assert "already holds embeddings" in again.stderr
    assert "--resume" in again.stderr
    result = toy("embed", "--output", folder, "--resume", "--json").json
    assert (result["embedded"], result["reused"]) == (175, 5)
    assert toy("embed", "--output", tmp_path / "new", "--resume").exit_code == 0


def test_another_encoder_s_folder_is_refused(toy, cli, two_class, tmp_path):
    toy("embed", "--output", tmp_path / "x")
    result = cli(
        "retrieve", "embed", "--dataset", two_class, "--encoder", "compact", "--resume",
        "--output", tmp_path / "x",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "holds embeddings by toy" in result.stderr


@pytest.mark.parametrize("value", ["0", "-3", "many", "1.5", ""])
def test_a_batch_size_that_is_none_is_wrong_usage(toy, value):
    result = toy("embed", "--batch-size", value)
    assert result.exit_code == 2
    assert "neither a number from 1 nor auto" in result.stderr


def test_skipped_images_are_listed(cli, two_class, tmp_path):
    (tmp_path / "manifest.csv").write_text("id,path\na,gone.png\nb,b.png\n")
    (tmp_path / "b.png").write_bytes(next(iter((two_class / "images").iterdir())).read_bytes())
    command = ("retrieve", "embed", "--encoder", "toy", "--dataset", tmp_path)
    result = cli(*command)
    assert result.exit_code == 0
    assert "1 embedded" in result.stdout
    assert "skipped a: no such image file" in result.stdout
    (tmp_path / "b.png").write_bytes(b"")
    result = cli(*command)
    assert result.exit_code == 1
    assert "no readable image" in result.stderr


def test_options_agree_with_the_settings():
    options = inspect.signature(retrieve.embed).parameters
    for setting in fields(EmbedConfig):
        assert options[setting.name].default == setting.default


def test_embedding_by_compact_imports_no_framework(two_class):
    heavy = ["torch", "open_clip", "transformers", "sklearn", "matplotlib", "pandas", "faiss"]
    code = (
        "import atexit, sys\nfrom medx.cli import main\n"
        f"atexit.register(lambda: print('heavy:', [n for n in {heavy} if n in sys.modules]))\n"
        f"main(['retrieve', 'embed', '--limit', '3', '--dataset', {str(two_class)!r}, "
        "'--encoder', 'compact'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout


def test_ctrl_c_says_how_to_go_on(start, tmp_path):
    folder = tmp_path / "a folder"
    process = start("embed", "--output", str(folder), "--shard-size", "8")
    wait_for_shard(process, folder)
    process.send_signal(signal.SIGINT)
    said, noted = process.communicate()
    assert (process.returncode, said) == (130, "")
    kept, command = noted.splitlines()[-2:]
    assert kept.startswith("kept ")
    assert kept.endswith(f" embeddings in {folder}")
    assert not list(folder.glob(".*"))
    command = shlex.split(command.removeprefix("to go on: "))
    assert command[:3] == ["medx", "retrieve", "embed"]
    done = subprocess.run(
        [sys.executable, "-m", "medx.cli", *command[1:], "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert result["reused"] == int(kept.split()[1]) >= 8
    assert result["count"] == 180


def test_a_build_goes_on_from_what_a_killed_process_embedded(start):
    folder = default_folder(CompactEncoder().fingerprint)
    process = start("embed", "--shard-size", "8")
    wait_for_shard(process, folder)
    process.kill()
    process.communicate()
    built = start("build", "--json")
    result = json.loads(built.communicate()[0])
    assert result["reused"] >= 8
    assert result["embedded"] + result["reused"] == result["count"] == 180
    assert len(GalleryIndex.load(settings.index_dir() / "two-compact")) == 180


@pytest.fixture
def alone(two_class, tmp_path):
    """The embeddings of the two-class dataset by one process, in order."""
    config = EmbedConfig(batch_size=16, shard_size=32)
    result = embed_dataset(load_manifest(two_class), CompactEncoder(), tmp_path / "one", config)
    return np.concatenate([part.embeddings for part in result.images.parts()])


def run_in_two(launcher, *command):
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "medx.cli", "retrieve", *map(str, command), "--json"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("2 processes share 180 images") == 1
    return json.loads(done.stdout)


@pytest.mark.slow
def test_two_processes_give_the_embeddings_of_one(two_class, alone, tmp_path):
    result = run_in_two(
        ACCELERATE, "embed", "--dataset", two_class, "--encoder", "compact", "--batch-size", 16,
        "--shard-size", 32, "--output", tmp_path / "two",
    )  # fmt: skip
    assert (result["processes"], result["embedded"], result["count"]) == (2, 180, 180)
    assert result["shards"] == 6
    two = embed_dataset(load_manifest(two_class), CompactEncoder(), tmp_path / "two")
    assert two.reused == 180
    embeddings = np.concatenate([part.embeddings for part in two.images.parts()])
    np.testing.assert_allclose(embeddings, alone, atol=1e-6)


@pytest.mark.slow
def test_two_processes_build_the_index_of_one(two_class, alone):
    result = run_in_two(
        TORCHRUN, "build", "--dataset", two_class, "--encoder", "compact", "--batch-size", 16
    )
    assert (result["count"], result["embedded"]) == (180, 180)
    index = GalleryIndex.load(settings.index_dir() / "two-compact")
    assert index.items.column("id") == [record.id for record in load_manifest(two_class).records]
    np.testing.assert_allclose(index.embeddings(), alone, atol=1e-6)
