"""Take the pictures of the page in docs/images again, from phantoms.

    medx data synth phantom-cxr --count 360 --size 384 \
        --prevalence "consolidation=0.35,pleural effusion=0.25" --output phantoms
    medx classify train --dataset phantoms --epochs 12 --output run
    medx classify evaluate --run run
    medx retrieve build --dataset phantoms
    medx serve --dataset phantoms --run run --engine mock &
    python benchmarks/screenshots.py --url http://127.0.0.1:8765

Needs Debian's chromium. It refuses a server whose archive is not synthetic: no patient's image may
get into the documentation.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import urllib.request
from pathlib import Path

from PIL import Image as PILImage
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent.parent / "docs" / "images"
QUERY = "pleural effusion"


def main() -> None:
    """Visit the page and write its pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8765", help="a running medx serve")
    parser.add_argument("--output", type=Path, default=IMAGES)
    parser.add_argument("--sample", type=int, default=2, help="which sample to study")
    given = parser.parse_args()
    with urllib.request.urlopen(f"{given.url}/metadata") as answer:
        metadata = json.load(answer)
    if not metadata["synthetic"]:
        sys.exit(f"the archive of {given.url} is not synthetic: serve phantoms")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        wide = chromium.new_page(viewport={"width": 1280, "height": 860})
        study(wide, given.url, given.sample)
        save(wide, given.output / "page-case.jpg")
        wide.click("[data-compare=N1]")
        wide.wait_for_timeout(500)
        save(wide, given.output / "page-compare.jpg")
        search(wide, given.url)
        save(wide, given.output / "page-search.jpg")
        tablet = chromium.new_page(viewport={"width": 768, "height": 1024}, color_scheme="dark")
        study(tablet, given.url, given.sample)
        save(tablet, given.output / "page-tablet.jpg")
        chromium.close()


def study(page: Page, url: str, sample: int) -> None:
    """Go from the start to the case of a sample."""
    page.goto(url)
    page.wait_for_selector("#sample-list img[src]")
    page.click(f"#sample-list button >> nth={sample - 1}")
    page.wait_for_selector("#case h1:visible")
    page.wait_for_timeout(800)


def search(page: Page, url: str) -> None:
    """Ask the archive for words."""
    page.goto(f"{url}/#/search")
    page.fill("#words", QUERY)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.hits img[src]').length === 12")
    page.wait_for_timeout(800)


def save(page: Page, path: Path) -> None:
    """Write what is in view; a palette would bend the colours of heat-maps."""
    picture = PILImage.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(path, quality=88, subsampling=0, optimize=True)
    print(f"{path}: {path.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()
