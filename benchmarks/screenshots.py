"""Take the pictures of the page in docs/images again: phantoms, a trained classifier, the mock.

    python benchmarks/screenshots.py --work FOLDER

Draws 1500 phantoms, trains, evaluates on their test split and builds an index, which takes some
minutes on one core and is kept in FOLDER; then serves them and visits the page. Only drawn images
get in: no patient's may be in the documentation. Needs Debian's chromium.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image as PILImage
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent.parent / "docs" / "images"
QUERY = "pleural effusion"
PORT = 8791
URL = f"http://127.0.0.1:{PORT}"
MEDX = [sys.executable, "-m", "medx.cli"]

#: What is shown: the first such image of the test split, and the second of another label.
EFFUSION, CONSOLIDATION = ("pleural effusion", 0), ("consolidation", 1)

#: What makes the data, the classifier and the index, by what it leaves.
STEPS = {
    "phantoms": (
        "data synth phantom-cxr --count 1500 --size 384 --output phantoms --prevalence",
        "consolidation=0.3,pleural effusion=0.25",
    ),
    "run": ("classify train --dataset phantoms --size 64 --epochs 20 --offline --output run",),
    "run/evaluations": ("classify evaluate --run run",),
    "indexes": ("retrieve build --dataset phantoms --encoder compact",),
}


def main() -> None:
    """Make what is shown where it is not there yet, serve it, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="keeps data, run and index")
    parser.add_argument("--output", type=Path, default=IMAGES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        prepare(work)
        with serving(work):
            visit(work, given.output)


def prepare(work: Path) -> None:
    """Run each step whose result is not there."""
    for made, (words, *rest) in STEPS.items():
        if not (work / made).exists():
            subprocess.run([*MEDX, *words.split(), *rest], cwd=work, env=place(work), check=True)


def place(work: Path) -> dict[str, str]:
    """Return an environment whose indexes lie in the work folder."""
    return {**os.environ, "MEDX_INDEX_DIR": str(work / "indexes")}


@contextmanager
def serving(work: Path) -> Iterator[None]:
    """Serve what was made."""
    options = f"serve --dataset phantoms --run run --engine mock --offline --port {PORT}"
    server = subprocess.Popen([*MEDX, *options.split()], cwd=work, env=place(work))
    try:
        while not is_ready():
            if server.poll() is not None:
                sys.exit("the server ended")
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait()


def is_ready() -> bool:
    """Return whether the server's models are loaded; refuse an archive that is not synthetic."""
    try:
        with urllib.request.urlopen(f"{URL}/metadata") as answer:
            if not json.load(answer)["synthetic"]:
                sys.exit("the archive is not synthetic")
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def visit(work: Path, output: Path) -> None:
    """Take all pictures."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        wide = chromium.new_page(viewport={"width": 1280, "height": 860})
        study(wide, film(work, *EFFUSION))
        save(wide, output / "page-case.jpg")
        study(wide, film(work, *CONSOLIDATION))
        wide.get_by_role("tab", name="Report").click()
        wide.click(".text [data-goto=N1] >> nth=0")
        save(wide, output / "page-report.jpg")
        search(wide)
        save(wide, output / "page-search.jpg")
        tablet = chromium.new_page(viewport={"width": 820, "height": 1180}, color_scheme="dark")
        study(tablet, film(work, *EFFUSION))
        tablet.get_by_role("tab", name="Similar").click()
        save(tablet, output / "page-tablet.jpg")
        chromium.close()


def film(work: Path, label: str, which: int) -> Path:
    """Return an image of the test split."""
    with (work / "phantoms" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    found = [row["path"] for row in rows if row["label"] == label]
    return work / "phantoms" / found[which]


def study(page: Page, path: Path) -> None:
    """Go from the start to the case of a file."""
    page.goto(f"{URL}/#/")
    page.wait_for_selector("#upload:visible")
    page.set_input_files("#file", path)
    page.wait_for_function(
        "name => document.querySelector('#case:not([hidden]) h1')?.textContent === name",
        arg=path.name,
    )


def search(page: Page) -> None:
    """Ask the archive for words."""
    page.goto(f"{URL}/#/search")
    page.fill("#words", QUERY)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.hits img[src]').length === 12")


def save(page: Page, path: Path) -> None:
    """Write what is in view; a palette would bend the colours of heat-maps."""
    page.wait_for_timeout(800)
    picture = PILImage.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(path, quality=88, subsampling=0, optimize=True)
    print(f"{path}: {path.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()
