"""How fast medx reads images, beside plain pydicom and Pillow doing the same.

    python benchmarks/reading.py                  # 15 rounds of every file
    python benchmarks/reading.py --rounds 3 --output /tmp/reading.json

Each file is generated: 1024² DICOM of 12 bits with a window, uncompressed and in JPEG 2000, and a
2000² colour JPEG. Decoding, windowing and resizing to 224² are timed in turn with what a
researcher writes by hand, in one process and thread, and both results are compared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from machine import describe_machine
from PIL import Image as PILImage
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless

from medx.core.files import write_json
from medx.core.images import read_image, resize, to_grey, to_rgb
from medx.core.runs import package_versions

SIZE = 224
RESULTS = Path(__file__).parent / "results" / "reading.json"


def main() -> None:
    """Measure every file, print the rates and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        cases = {
            "DICOM 1024², 12 bit, uncompressed": (write_dicom(folder), medx_dicom, plain_dicom),
            "DICOM 1024², 12 bit, JPEG 2000": (
                write_dicom(folder, JPEG2000Lossless),
                medx_dicom,
                plain_dicom,
            ),
            "JPEG 2000², colour": (write_jpeg(folder), medx_jpeg, plain_jpeg),
        }
        rows = [compare(name, *case, options.rounds) for name, case in cases.items()]
    report = {
        "command": f"python benchmarks/reading.py --rounds {options.rounds}",
        "machine": machine,
        "packages": package_versions(["numpy", "pydicom", "pillow"]),
        "rows": rows,
    }
    write_json(options.output, report)
    print(f"written to {options.output}")


def compare(
    name: str,
    path: Path,
    ours: Callable[[Path], np.ndarray],
    plain: Callable[[Path], np.ndarray],
    rounds: int,
) -> dict[str, object]:
    """Return and print images a second of both, timed in turn, and how far their results differ."""
    difference = int(abs(ours(path).astype(int) - plain(path)).max())
    times: dict[str, list[float]] = {"medx": [], "plain": []}
    for _ in range(rounds):
        times["medx"].append(clock(lambda: ours(path)))
        times["plain"].append(clock(lambda: plain(path)))
    rates = {key: 1 / statistics.median(values) for key, values in times.items()}
    ratio = rates["medx"] / rates["plain"]
    print(
        f"{name}: medx {rates['medx']:.1f} images/s, plain {rates['plain']:.1f} images/s "
        f"({ratio:.2f}×), largest difference {difference}"
    )
    return {
        "file": name,
        "medx_images_per_s": round(rates["medx"], 2),
        "plain_images_per_s": round(rates["plain"], 2),
        "ratio": round(ratio, 3),
        "largest_difference": difference,
        "rounds": rounds,
    }


def medx_dicom(path: Path) -> np.ndarray:
    """Return grey pixels as ``Dataset.load_pixels`` does."""
    return resize(to_grey(read_image(path).pixels), SIZE)


def medx_jpeg(path: Path) -> np.ndarray:
    """Return colour pixels as ``Dataset.load_pixels`` does."""
    return resize(to_rgb(read_image(path).pixels), SIZE)


def plain_dicom(path: Path) -> np.ndarray:
    """Return grey pixels by pydicom's own functions, as its documentation puts them together."""
    dataset = pydicom.dcmread(path)
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    values = (values - values.min()) / np.ptp(values) * 255
    image = PILImage.fromarray(np.rint(values).astype(np.uint8))
    return np.asarray(image.resize((SIZE, SIZE), PILImage.Resampling.BILINEAR))


def plain_jpeg(path: Path) -> np.ndarray:
    """Return colour pixels by Pillow alone."""
    with PILImage.open(path) as image:
        resized = image.convert("RGB").resize((SIZE, SIZE), PILImage.Resampling.BILINEAR)
        return np.asarray(resized)


def write_dicom(folder: str, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a smooth noisy picture with rescale and window; return where."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:1024j, -1:1:1024j]
    values = 2000 + 1200 * np.cos(3 * x) * np.cos(2 * y) + rng.normal(0, 12, x.shape)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3"
    dataset.Rows = dataset.Columns = 1024
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1000
    dataset.WindowCenter, dataset.WindowWidth = 1000, 2000
    dataset.add_new("PixelData", "OW", np.clip(values, 0, 4095).astype("<u2").tobytes())
    if syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax)
    path = Path(folder, f"{syntax}.dcm")
    dataset.save_as(path)
    return path


def write_jpeg(folder: str) -> Path:
    """Write a smooth noisy colour picture; return where."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:2000j, -1:1:2000j]
    planes = [128 + 90 * np.cos(k * x + y * y) + rng.normal(0, 6, x.shape) for k in (2, 3, 4)]
    path = Path(folder, "x.jpg")
    PILImage.fromarray(np.clip(np.dstack(planes), 0, 255).astype(np.uint8)).save(path, quality=90)
    return path


def clock(work: Callable[[], object]) -> float:
    """Return the seconds ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
