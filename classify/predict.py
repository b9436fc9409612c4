"""A trained classifier in use: calibrated probabilities, labels at its operating point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from classify.checkpoint import ModelDescription, load_checkpoint
from classify.data import as_tensor
from classify.inference import compute_features, compute_logits
from classify.model import Network
from classify.operating_points import apply_operating_point
from classify.results import PredictionSet, Skipped
from medx.core.console import track, warn
from medx.core.device import resolve_device
from medx.core.errors import InputError, MedxError
from medx.core.images import Image, Pixels, list_images, read_image, resize, to_grey, to_rgb
from medx.core.values import Prediction
from medx.datasets.manifest import Dataset

Floats = npt.NDArray[np.float32]


class Classifier:
    """A network with everything a prediction needs.

    Args:
        name: The run that made it.
        network: Weights loaded.
        description: Classes, input, temperature and operating point.
        device: ``cpu``, ``cuda`` or ``mps``.
        batch_size: Images at a time.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        description: ModelDescription,
        *,
        device: str = "cpu",
        batch_size: int = 256,
    ) -> None:
        self.name = name
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.description = description
        self.batch_size = batch_size
        self.mean = torch.tensor(description.mean, device=device)
        self.std = torch.tensor(description.std, device=device)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; the second of two is the positive one."""
        return tuple(self.description.classes)

    @property
    def size(self) -> int:
        """Side of the square input in pixels."""
        return self.description.size

    def fit(self, pixels: Pixels) -> Pixels:
        """Return pixels ``(H, W[, 3])`` of any size as this classifier takes them."""
        shaped = to_rgb(pixels) if self.description.colour else to_grey(pixels)
        return resize(shaped, self.size)

    def logits(self, pixels: Pixels) -> Floats:
        """Return uncalibrated logits ``(N, C)`` of ``uint8`` pixels ``(N, S, S[, 3])``."""
        return compute_logits(
            self.network,
            self._checked(pixels),
            mean=self.mean,
            std=self.std,
            tta=self.description.tta,
            batch_size=self.batch_size,
        )

    def probabilities(self, pixels: Pixels) -> Floats:
        """Return calibrated probabilities ``(N, C)`` of ``uint8`` pixels ``(N, S, S[, 3])``."""
        return self.description.calibration.probabilities(self.logits(pixels))

    def features(self, pixels: Pixels) -> Floats:
        """Return pooled features ``(N, D)`` of ``uint8`` pixels ``(N, S, S[, 3])``."""
        return compute_features(
            self.network,
            self._checked(pixels),
            mean=self.mean,
            std=self.std,
            batch_size=self.batch_size,
        )

    def predict(self, ids: Sequence[str], pixels: Pixels | Sequence[Pixels]) -> list[Prediction]:
        """Return one prediction an image.

        Args:
            ids: N names.
            pixels: N ``uint8`` images ``(H, W)`` or ``(H, W, 3)`` of any sizes.

        Raises:
            ValueError: When there is not one id an image.
        """
        if len(ids) != len(pixels):
            raise ValueError(f"ids must hold one name an image, got {len(ids)} and {len(pixels)}")
        if len(ids) == 0:
            return []
        return self.as_predictions(
            ids, self.probabilities(np.stack([self.fit(image) for image in pixels]))
        )

    def as_predictions(self, ids: Sequence[str], probs: Floats) -> list[Prediction]:
        """Return predictions of calibrated probabilities ``(N, C)``."""
        chosen = apply_operating_point(probs, self.description.operating_point)
        return [
            Prediction(
                id=name,
                probabilities=dict(zip(self.classes, map(float, row), strict=True)),
                label=self.classes[index],
                operating_point=self.description.operating_point,
                classifier=self.name,
            )
            for name, row, index in zip(ids, probs, chosen, strict=True)
        ]

    def _checked(self, pixels: Pixels) -> Tensor:
        tail = (self.size, self.size, 3) if self.description.colour else (self.size, self.size)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != tail or len(pixels) == 0:
            raise ValueError(
                f"pixels must be uint8 of shape (N, {', '.join(map(str, tail))}), N >= 1, "
                f"got {pixels.dtype} {pixels.shape}"
            )
        return as_tensor(pixels)


def load_classifier(run_dir: Path, device: str = "auto", *, batch_size: int = 256) -> Classifier:
    """Load the classifier of a finished train run.

    Raises:
        CheckpointError: When the folder holds none or a damaged one.
    """
    network, description = load_checkpoint(Path(run_dir))
    return Classifier(
        Path(run_dir).resolve().name,
        network,
        description,
        device=resolve_device(device),
        batch_size=batch_size,
    )


def predict_paths(classifier: Classifier, path: Path, *, limit: int | None = None) -> PredictionSet:
    """Predict an image file, or every image below a folder; unreadable files are listed.

    Raises:
        InputError: When there is no image, or none that can be read.
    """
    paths = list_images(path)[:limit] if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    named = [(file.relative_to(root).as_posix(), file) for file in paths]
    if not path.is_dir():
        read_image(path)  # one bad file asked for by name is an error, not a skip
    pixels: list[Pixels] = []
    ids: list[str] = []
    skipped: list[Skipped] = []
    for name, file in track(named, "reading images"):
        try:
            image: Image = read_image(file)
        except MedxError as error:
            skipped.append(Skipped(id=name, reason=str(error)))
            continue
        pixels.append(classifier.fit(image.pixels))
        ids.append(name)
    if skipped:
        warn(f"skipped {len(skipped)} unreadable images, first: {skipped[0].reason}")
    if not pixels:
        raise InputError(f"no readable image in {path}", hint="check the files")
    predictions = classifier.as_predictions(ids, classifier.probabilities(np.stack(pixels)))
    return _collect(classifier, str(path), predictions, skipped)


def predict_dataset(classifier: Classifier, dataset: Dataset, source: str) -> PredictionSet:
    """Predict every record of a dataset; its labels are not read.

    Args:
        classifier: The model.
        dataset: Records and their pixels.
        source: What to call it in the result.
    """
    loaded = dataset.load_pixels(classifier.size)
    pixels = np.stack([classifier.fit(image) for image in loaded.pixels])
    predictions = classifier.as_predictions(
        [record.id for record in loaded.records], classifier.probabilities(pixels)
    )
    skipped = [Skipped(id=name, reason=reason) for name, reason in loaded.skipped]
    return _collect(classifier, source, predictions, skipped)


def _collect(
    classifier: Classifier, source: str, predictions: list[Prediction], skipped: list[Skipped]
) -> PredictionSet:
    found = Counter(p.label for p in predictions)
    return PredictionSet(
        classifier=classifier.name,
        source=source,
        operating_point=classifier.description.operating_point,
        counts={name: found[name] for name in classifier.classes},
        predictions=predictions,
        skipped=skipped,
    )
