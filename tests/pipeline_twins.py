"""Small drawn twins of public datasets, in the layouts that their publishers ship."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image as PILImage
from safetensors.torch import save_file
from test_datasets.layouts import BTXRD_COLUMNS, labelme_value

from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import Phantom, render_phantom
from medx.datasets.phantoms.smear import render_field
from medx.datasets.phantoms.smear_config import SmearConfig
from medx.datasets.phantoms.smear_dataset import write_smear_dataset

SMEAR = SmearConfig(
    count=12, width=320, height=240, cells=30, parasitaemia=0.3, leukocytes=1, fields_per_slide=2
)
LEUKOCYTES = ("Basophil", "Eosinophil", "Lymphocyte", "Monocyte", "Neutrophil")
WIDTH, HEIGHT = 40, 30


def write_bbbc041(folder: Path) -> None:
    """Draw fields of ``phantom-smear``, which writes BBBC041's files beside its own."""
    write_smear_dataset(SMEAR, folder, workers=1)


def write_nih_malaria(folder: Path) -> None:
    """Cut cells out of fields of other labs and seed, two fields a patient."""
    for number in range(4):
        field = render_field(SmearConfig(**{**vars(SMEAR), "seed": 9}), number)
        for i, cell in enumerate(field.objects):
            kind = "Uninfected" if cell.category == "red blood cell" else "Parasitized"
            if cell.category in ("leukocyte", "difficult"):
                continue
            x, y, width, height = cell.box
            name = f"C{number // 2}P1thinF_IMG_2015061{number}_cell_{i}.png"
            path = folder / "cell_images" / kind / name
            _save(field.image[y : y + height, x : x + width], path)
    _mark_synthetic(folder)


def write_leukocytes(folder: Path) -> None:
    """Draw discs in the colours of five classes; TestB has two of them, as Raabin-WBC's has."""
    rng = np.random.default_rng(0)
    counts = {"Train": 12, "TestA": 5, "TestB": 3}
    for part, count in counts.items():
        for c, kind in enumerate(LEUKOCYTES):
            for i in range(count if part != "TestB" or c in (2, 4) else 0):
                pixels = rng.integers(150, 230, (HEIGHT, WIDTH, 3), dtype=np.uint8)
                pixels[8:22, 10:30, c % 3] //= 2 + c // 3
                _save(pixels, folder / part / kind / f"{part}_{i}.jpg")
    _mark_synthetic(folder)


def write_cxr_3class(folder: Path) -> str:
    """Draw phantom radiographs; return the path of one of train that is in test again."""
    names = {"normal": "NORMAL", "consolidation": "PNEUMONIA", "nodule": "TURBERCULOSIS"}
    counts = {"train": 60, "val": 24, "test": 24}
    images = _draw_phantoms(64, sum(counts.values()), consolidation=0.3, nodule=0.3)
    for split, count in counts.items():
        for i in range(count):
            phantom = next(images)
            _save(phantom.image, folder / split / names[phantom.label] / f"{split}-{i}.png")
        _save(next(images).image, folder / split / "COVID19" / f"{split}-covid.png")
    leak = min((folder / "train" / "NORMAL").iterdir())
    (folder / "test" / "NORMAL" / "again.png").write_bytes(leak.read_bytes())
    _mark_synthetic(folder)
    return leak.relative_to(folder).as_posix()


def write_btxrd(folder: Path) -> None:
    """Draw pictures of three centres; tumours are bright squares outlined twice, as published."""
    rng = np.random.default_rng(0)
    rows = [",".join(BTXRD_COLUMNS)]
    for n in range(72):
        kind, centre = n % 3, 1 + n // 3 % 3
        name = f"IMG{n:06d}"
        pixels = rng.integers(0, 90, (HEIGHT, WIDTH), dtype=np.uint8)
        if kind:
            x, y = (int(v) for v in rng.integers(2, (24, 14)))
            pixels[y : y + 12, x : x + 12] += 70 * kind
            label = ("", "osteochondroma", "osteosarcoma")[kind]
            corners = [[x, y], [x + 12, y + 12]]
            outline = [[x, y], [x + 12, y], [x + 12, y + 12], [x, y + 12]]
            shapes = (label, "rectangle", corners), (label, "polygon", outline)
            path = folder / "Annotations" / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(labelme_value(f"{name}.jpeg", *shapes)))
        _save(pixels, folder / "images" / f"{name}.jpeg")
        flags = [int(kind > 0), int(kind == 1), int(kind == 2), int(kind == 1), int(kind == 2)]
        row = [f"{name}.jpeg", centre, 30, "F", 0, 1, *flags, 1, 0, 0]
        rows.append(",".join(map(str, row)))
    (folder / "dataset.csv").write_text("\n".join(rows) + "\n")
    _mark_synthetic(folder)


def write_pneumoniamnist(path: Path) -> None:
    """Draw phantom radiographs of 28 pixels into arrays named as MedMNIST names them."""
    arrays = {}
    counts = {"train": 64, "val": 24, "test": 24}
    images = _draw_phantoms(28, sum(counts.values()), consolidation=0.5)
    for split, count in counts.items():
        drawn = [next(images) for _ in range(count)]
        arrays[f"{split}_images"] = np.stack([phantom.image for phantom in drawn])
        arrays[f"{split}_labels"] = np.array([[int(p.label != "normal")] for p in drawn], np.uint8)
    np.savez(path, **arrays)


def write_weights(model: str, path: Path) -> Path:
    """Write a timm network with random weights under the names that published ones have.

    Its batch norm has seen noise: with the statistics of an unused one, images make no difference.
    """
    torch.manual_seed(0)
    network = timm.create_model(model)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(32, 3, 64, 64))
    save_file(network.state_dict(), path)
    return path


def _draw_phantoms(size: int, count: int, **prevalence: float) -> Iterator[Phantom]:
    config = PhantomConfig(count=count + 3, size=size, prevalence=prevalence)
    return (render_phantom(config, i) for i in range(config.count))


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PILImage.fromarray(pixels).save(path)


def _mark_synthetic(folder: Path) -> None:
    (folder / "dataset.yaml").write_text("synthetic: true\n")
