"""Each command of docs/archive.md, word for word, on a drawn folder of DICOM files."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from test_datasets.dicom_files import identifying, leaks, write_dicom

from medx.datasets.manifest_files import load_manifest
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import render_phantom

PAGE = Path(__file__).parents[1] / "docs" / "archive.md"
FILMS, READY_SECONDS = 96, 120
CONFIG = PhantomConfig(count=FILMS + 2, size=64, prevalence={"pleural effusion": 0.5})
#: Added to what the page says, so that it takes seconds.
SMALL = {"train": ("--epochs", 1, "--size", 32), "evaluate": ("--resamples", 50)}


def documented():
    """Return the commands of the page, as lists of words."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return [shlex.split(line) for line in "".join(blocks).splitlines()]


def draw_film(path, number):
    """Write a drawn film of an invented patient with two films, and return its dataset."""
    phantom = render_phantom(CONFIG, number)
    patient = number // 2
    return phantom, write_dicom(
        path,
        phantom.image,
        PatientID=f"INVENTED-{patient:05d}",
        PatientName=f"Quillonia{patient}^Zzyzxia",
        AccessionNumber=f"ACC{number:07d}",
        PatientAge=f"{30 + patient:03d}Y",
        ViewPosition="PA" if number % 3 else "AP",
        InstitutionName=f"Hospital of {('Brobdingnag', 'Blefuscu')[patient % 2]}",
    )


@pytest.fixture
def export():
    """Draw an export with its sheet of readings, and an inbox of two films."""
    rows = []
    for number in range(FILMS):
        phantom, film = draw_film(Path("export", f"CD{number % 3}", f"IM{number:04d}"), number)
        finding = "effusion" if "effusion" in phantom.label else "no effusion"
        rows.append((film.AccessionNumber, finding))
    Path("export", "CD0", "liesmich.txt").write_text("no image")
    with Path("readings.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("AccessionNumber", "label"), *rows])
    draw_film(Path("inbox", "film.dcm"), FILMS)
    draw_film(Path("inbox", "other.dcm"), FILMS + 1)


@pytest.mark.slow
def test_every_command_of_the_page(cli, export, tmp_path):
    ran = []
    for program, *words in documented():
        assert program == "medx"
        ran.append(words[0] if words[0] in ("case", "serve") else words[1])
        if words[0] == "serve":
            served = serve(words)
            continue
        more = SMALL.get(words[1], ()) if words[0] == "classify" else ()
        result = cli(*words, *more)
        assert result.exit_code == 0, (words, result.stderr)
    assert ran == [
        "import", "show", "audit", "split", "build", "info", "text-search", "text-search",
        "image-search", "evaluate", "import", "add", "verify", "train", "evaluate", "case", "serve",
    ]  # fmt: skip

    records = load_manifest(Path("archive")).records
    assert len(records) == FILMS
    assert {record.label for record in records} == {"effusion", "no effusion"}
    splits = {}
    for record in records:
        splits.setdefault(record.group, set()).add(record.split)
    assert len(splits) == FILMS // 2
    assert all(len(found) == 1 for found in splits.values())
    assert served["classes"] == ["no effusion", "effusion"]  # the positive class comes last
    assert served["images"] == FILMS + 2
    assert served["is_mock"]
    texts = identifying(Path("export")) | identifying(Path("inbox"))
    written = [Path(name) for name in ("archive", "new-films", "index", "output", "cache")]
    assert leaks(texts, *written) == set()


def serve(words):
    """Run the documented server on a free port and return what it says of itself."""
    command = [sys.executable, "-m", "medx.cli", *words, "--port", "0"]
    log = Path("serve.log")
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ)
    try:
        for _ in range(READY_SECONDS * 5):
            assert server.poll() is None, log.read_text()
            if answer := ask(log.read_text()):
                return answer
            time.sleep(0.2)
        raise AssertionError(log.read_text())
    finally:
        server.terminate()
        server.wait(30)


def ask(said):
    """Return the server's description, or None while it has no address or loads its models."""
    found = re.search(r"http://127\.0\.0\.1:\d+", said)
    try:
        with urllib.request.urlopen(f"{found[0]}/metadata", timeout=10) as answer:
            return json.load(answer)
    except (TypeError, urllib.error.URLError):
        return None
