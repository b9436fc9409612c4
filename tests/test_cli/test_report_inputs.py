"""What ``medx report generate`` takes as images, and a run that is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from test_datasets.dicom_files import identifying, leaks, write_dicom


@pytest.fixture
def request_of(two_class, run_dir, index_dir, tmp_path):
    """Return the words of a command, which writes to ``set``."""

    def build(*args):
        known = ("--dataset", two_class, "--run", run_dir, "--index", index_dir)
        said = ("--engine", "mock", "--device", "cpu", "--output", tmp_path / "set")
        return [str(word) for word in ("report", "generate", *args, *known, *said)]

    return build


@pytest.fixture
def generate(cli, request_of):
    def run(*args):
        return cli(*request_of(*args, "--json"))

    return run


@pytest.fixture
def inbox(two_class, tmp_path):
    """A folder of images at two depths, one of them damaged."""
    (tmp_path / "inbox" / "deep").mkdir(parents=True)
    images = sorted((two_class / "images").glob("test-*.png"))[:3]
    for image in images[:2]:
        shutil.copy(image, tmp_path / "inbox")
    shutil.copy(images[2], tmp_path / "inbox" / "deep")
    (tmp_path / "inbox" / "broken.png").write_bytes(images[0].read_bytes()[:100])
    return tmp_path / "inbox"


def ids(done):
    assert done.exit_code == 0, done.stderr
    return [row["image_id"] for row in done.json["reports"]]


def test_a_folder_is_reported_on_and_damage_is_listed(generate, inbox, tmp_path):
    done = generate(inbox, "--allow-unlike")
    assert len(ids(done)) == 3
    assert [row["image_id"] for row in done.json["skipped"]] == ["broken"]
    assert "skipped 1 unreadable file" in done.stderr
    assert str(inbox) not in (tmp_path / "set" / "metrics.json").read_text()
    assert len(ids(generate(inbox, "--allow-unlike", "--resume"))) == 3


def test_limit_takes_the_first_files(generate, inbox):
    assert len(ids(generate(inbox, "--allow-unlike", "--limit", 2))) + 1 == 2  # one is damaged


def test_a_manifest_is_reported_on_and_its_labels_stay_out_of_reports(
    generate, two_class, tmp_path
):
    folder = tmp_path / "own"
    (folder / "images").mkdir(parents=True)
    images = sorted((two_class / "images").glob("test-*.png"))[:2]
    for image in images:
        shutil.copy(image, folder / "images")
    rows = [f"case{n},images/{image.name},zebra" for n, image in enumerate(images)]
    (folder / "manifest.csv").write_text("\n".join(["id,path,label", *rows]))
    assert ids(generate(folder / "manifest.csv", "--allow-unlike")) == ["case0", "case1"]
    for path in (tmp_path / "set" / "reports").iterdir():
        assert "zebra" not in path.read_text()
    page = (tmp_path / "set" / "reports.html").read_text()
    assert "Reference label (not seen by the engine): <b>zebra</b>" in page


def test_a_plain_table_is_reported_on(generate, two_class, tmp_path):
    image = next((two_class / "images").glob("test-*.png"))
    shutil.copy(image, tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("filename,finding\na.png,zebra\ngone.png,zebra\n")
    done = generate(tmp_path / "list.csv", "--allow-unlike")
    assert ids(done) == ["a"]
    assert [row["image_id"] for row in done.json["skipped"]] == ["list.csv row 3"]


def test_a_path_that_names_its_patient_is_written_nowhere(generate, tmp_path):
    pixels = np.random.default_rng(5).integers(0, 4096, (32, 28), np.uint16)
    write_dicom(tmp_path / "inbox" / "Wexelbart" / "Quillonia 1", pixels)  # DICOM, no ending
    write_dicom(tmp_path / "inbox" / "cut Zzyzxia.dcm", pixels)
    cut = tmp_path / "inbox" / "cut Zzyzxia.dcm"
    cut.write_bytes(cut.read_bytes()[:-300])
    done = generate(tmp_path / "inbox", "--allow-unlike")
    assert ids(done) == ["image-1"]
    assert [row["image_id"] for row in done.json["skipped"]] == ["image-2"]
    secrets = identifying(tmp_path / "inbox")
    assert leaks(secrets, tmp_path / "set", done.stdout, done.stderr) == set()


def test_several_images_in_a_file_are_said(generate, two_class, tmp_path):
    image = PILImage.open(next((two_class / "images").glob("test-*.png")))
    image.save(tmp_path / "stack.tif", save_all=True, append_images=[image])
    done = generate(tmp_path / "stack.tif", "--allow-unlike")
    assert ids(done) == ["stack"]
    assert "1 file held several images" in done.stderr


def test_files_of_one_name_get_names_of_their_own(generate, two_class, tmp_path):
    images = sorted((two_class / "images").glob("test-*.png"))[:3]
    paths = [tmp_path / "a" / "film.png", tmp_path / "b" / "film.png", tmp_path / "film-2.png"]
    for path, image in zip(paths, images, strict=True):
        path.parent.mkdir(exist_ok=True)
        shutil.copy(image, path)
    done = generate(*paths, "--allow-unlike")
    assert ids(done) == ["film-1", "film-2-other", "film-2"]


def test_a_users_own_strategy_writes_under_its_name(generate, two_class, tmp_path):
    image = next((two_class / "images").glob("test-*.png"))
    (tmp_path / "mine.md").write_text(
        "---\nname: mine\nversion: 1\nsummary: Mine.\nsections:\n  - name: impression\n"
        "max_new_tokens: 50\n---\nReport on the attached {{ modality }}.\n"
    )
    strategy = ("--strategy", tmp_path / "mine.md", "--strategy", "concise", "--allow-unlike")
    done = generate(image, *strategy)
    assert done.exit_code == 0, done.stderr
    assert {row["strategy"] for row in done.json["reports"]} == {"mine", "concise"}


def test_a_killed_run_of_200_reports_repeats_none(cli, request_of, tmp_path):
    words = request_of("--strategy", "all", "--num-samples", 50, "--allow-unlike")
    reports = tmp_path / "set" / "reports"
    process = subprocess.Popen(
        [sys.executable, "-m", "medx.cli", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while process.poll() is None and len(list(reports.glob("[!.]*.json"))) < 20:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    kept = {path: path.stat() for path in reports.glob("[!.]*.json")}
    assert 20 <= len(kept) < 200
    for path in kept:
        assert json.loads(path.read_text())["created"]
    done = cli(*words, "--resume", "--json")
    assert done.exit_code == 0, done.stderr
    assert (len(done.json["reports"]), done.json["failures"]) == (200, [])
    assert done.json["resumed"] == len(kept)
    for path, before in kept.items():
        after = path.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(list(reports.iterdir())) == 200
    assert Path(done.json["page"]).is_file()
