"""What the pixel cache saves: an epoch that decodes, beside epochs that read the mapped array.

    python benchmarks/pixel_cache.py                        # 500 JPEG of 1000², 200 DICOM of 1024²
    python benchmarks/pixel_cache.py --jpeg 40 --dicom 20   # a quick look

An epoch takes every image once, in random order, as the uint8 batches of 32 at 224 px that training
takes. The same epoch is measured again with what follows and no cache saves: the conversion to
normalised floats. Images are generated: smooth shapes with noise; DICOM is uncompressed, 12 bits,
with a window. The decoding epoch is medx without its cache, in the threads it uses; the alternative
is a plain torch ``DataLoader`` over Pillow or pydicom with 2 persistent workers. All run in turn,
``--repeats`` times; figures are medians, and all files are in the system's memory.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import torch
from machine import describe_machine
from PIL import Image as PILImage
from pydicom.pixels import apply_windowing
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from classify.data import as_tensor, as_unit, normalise
from medx.core.console import print_table, track
from medx.core.files import write_json
from medx.core.runs import package_versions
from medx.datasets.decode import decode_in_order
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import file_reader

SIZE, BATCH, WORKERS = 224, 32, 2
WANTED_RATIO = 20.0
WAYS = ("decoding", "DataLoader", "cached")
RESULTS = Path(__file__).parent / "results" / "pixel_cache.json"
MEAN, STD = torch.tensor([0.5]), torch.tensor([0.25])


def main() -> None:
    """Measure both kinds of file, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jpeg", type=int, default=500)
    parser.add_argument("--dicom", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine = describe_machine() | {"threads": torch.get_num_threads()}
    measured: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="medx-pixels-") as folder:
        os.environ["MEDX_CACHE_DIR"] = str(Path(folder, "cache"))
        jpeg = write_images(Path(folder, "jpeg"), options.jpeg, 1000, write_jpeg, "jpg")
        dicom = write_images(Path(folder, "dicom"), options.dicom, 1024, write_dicom, "dcm")
        measured["JPEG 1000²"] = measure(jpeg, read_jpeg, options.repeats)
        measured["DICOM 1024²"] = measure(dicom, read_dicom, options.repeats)
    result = {
        "command": f"python benchmarks/pixel_cache.py --jpeg {options.jpeg} "
        f"--dicom {options.dicom} --repeats {options.repeats}",
        "size": SIZE,
        "batch": BATCH,
        "machine": machine,
        "packages": package_versions(["medx", "numpy", "pillow", "pydicom", "torch"]),
        "wanted_ratio": WANTED_RATIO,
        "measured": measured,
    }
    write_json(options.output, result)
    print_result(measured)


def measure(dataset: Dataset, read: Callable[[str], Any], repeats: int) -> dict[str, Any]:
    """Return the median seconds of each epoch, of building the cache and of opening it."""
    building, _ = clock(lambda: dataset.load_pixels(SIZE))
    paths = [str(dataset.root / record.path) for record in dataset.records]
    loader: DataLoader[Tensor] = DataLoader(
        PlainImages(paths, read), BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True
    )
    pixels = as_tensor(dataset.load_pixels(SIZE).pixels)
    check_equal(dataset, pixels)
    epoch(loader, floats=False)  # its workers start once, not in every epoch
    opening: list[float] = []
    times: dict[tuple[str, bool], list[float]] = {}
    for repeat, floats in itertools.product(range(repeats), (False, True)):
        order = np.random.default_rng(repeat).permutation(len(dataset))
        opening.append(clock(lambda: dataset.load_pixels(SIZE))[0])
        batches: dict[str, Iterable[Tensor]] = {
            "decoding": decoded_batches(dataset, order),
            "DataLoader": loader,
            "cached": mapped_batches(pixels, order),
        }
        for name, source in batches.items():
            seconds = clock(partial(epoch, source, floats=floats))[0]
            times.setdefault((name, floats), []).append(seconds)
    median = {key: statistics.median(values) for key, values in times.items()}
    return {
        "images": len(dataset),
        "build_seconds": building,
        "open_seconds": statistics.median(opening),
        "uint8_epoch_seconds": {name: median[name, False] for name in WAYS},
        "float_epoch_seconds": {name: median[name, True] for name in WAYS},
        "uint8_ratio_to_cached": ratios(median, floats=False),
        "float_ratio_to_cached": ratios(median, floats=True),
    }


def ratios(median: dict[tuple[str, bool], float], *, floats: bool) -> dict[str, float]:
    """Return how many cached epochs fit into one of each other kind."""
    cached = median["cached", floats]
    return {name: median[name, floats] / cached for name in WAYS[:2]}


def epoch(batches: Iterable[Tensor], *, floats: bool) -> None:
    """Take every batch; normalise it as for training when ``floats``."""
    for batch in batches:
        if floats:
            normalise(as_unit(batch), MEAN, STD)


def check_equal(dataset: Dataset, pixels: Tensor) -> None:
    """Stop unless the cache holds what decoding gives."""
    order = np.arange(len(dataset))
    for decoded, held in zip(
        decoded_batches(dataset, order), mapped_batches(pixels, order), strict=True
    ):
        if not torch.equal(decoded, held):
            raise SystemExit("the cache holds other pixels than decoding gives")


def mapped_batches(pixels: Tensor, order: np.ndarray) -> Iterator[Tensor]:
    """Yield batches of a loaded dataset in an order."""
    for rows in torch.split(torch.from_numpy(order), BATCH):
        yield pixels[rows]


def decoded_batches(dataset: Dataset, order: np.ndarray) -> Iterator[Tensor]:
    """Yield the same batches, decoded anew."""
    records = [dataset.records[i] for i in order]
    rows: list[Any] = []
    for pixels in decode_in_order(dataset, records, SIZE, "decoding"):
        rows.append(pixels)
        if len(rows) == BATCH:
            yield as_tensor(np.stack(rows))
            rows = []
    if rows:
        yield as_tensor(np.stack(rows))


class PlainImages(TorchDataset[Tensor]):
    """What one writes without medx: decode, resize, to tensor."""

    def __init__(self, paths: Sequence[str], read: Callable[[str], Any]) -> None:
        self.paths, self.read = paths, read

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        image = self.read(self.paths[index])
        resized = image.resize((SIZE, SIZE), PILImage.Resampling.BILINEAR)
        return torch.from_numpy(np.array(resized))[None]


def read_jpeg(path: str) -> PILImage.Image:
    """Return a grey JPEG."""
    with PILImage.open(path) as image:
        return image.convert("L")


def read_dicom(path: str) -> PILImage.Image:
    """Return a DICOM image through its window, as 8 bits."""
    dataset = pydicom.dcmread(path)
    values = apply_windowing(dataset.pixel_array, dataset)
    return PILImage.fromarray((values / 4095.0 * 255.0).clip(0, 255).astype(np.uint8))


def write_images(
    folder: Path, count: int, size: int, write: Callable[[Path, np.ndarray], None], suffix: str
) -> Dataset:
    """Write ``count`` images as files; return them as a dataset."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = [f"{i:04d}.{suffix}" for i in range(count)]
    for name in track(names, f"writing {count} images"):
        coarse = PILImage.fromarray(rng.integers(0, 256, (12, 12), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((size, size), PILImage.Resampling.BICUBIC), np.float32)
        noisy = smooth + rng.normal(0, 4, smooth.shape).astype(np.float32)
        write(folder / name, noisy.clip(0, 255) / 255.0)
    return Dataset(
        name=suffix,
        records=tuple(Record(id=name, path=name) for name in names),
        classes=(),
        location=str(folder),
        reader=file_reader(folder),
        root=folder,
        synthetic=True,
    )


def write_jpeg(path: Path, unit: np.ndarray) -> None:
    """Write values 0 to 1 as a grey JPEG of quality 90."""
    PILImage.fromarray((unit * 255).astype(np.uint8)).save(path, quality=90)


def write_dicom(path: Path, unit: np.ndarray) -> None:
    """Write values 0 to 1 as 12-bit MONOCHROME2 with a window."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = unit.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.PixelData = (unit * 4095).astype("<u2").tobytes()
    dataset.save_as(path, enforce_file_format=True)


def clock(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds ``work`` takes, and what it returns."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def print_result(measured: dict[str, dict[str, Any]]) -> None:
    """Print two rows for each kind of file."""
    rows = []
    for name, figures in measured.items():
        for kind in ("uint8", "float"):
            seconds, ratio = figures[f"{kind}_epoch_seconds"], figures[f"{kind}_ratio_to_cached"]
            rows.append(
                (
                    f"{name}, {kind}",
                    figures["images"],
                    f"{figures['build_seconds']:.3f} s",
                    f"{figures['open_seconds']:.3f} s",
                    *(f"{seconds[n]:.3f} s ({ratio[n]:.0f}×)" for n in WAYS[:2]),
                    f"{seconds['cached']:.4f} s",
                )
            )
    print_table(
        rows,
        columns=("files", "images", "build", "open", "decoding", "DataLoader", "cached"),
        title=f"one epoch at {SIZE} px, synthetic images; in brackets: times the cached epoch",
    )


if __name__ == "__main__":
    main()
