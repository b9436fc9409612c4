"""Where a classifier looked: class activation maps of the Grad-CAM family.

The maps are those of the image itself; the further views that a prediction may average over
(test-time augmentation) have none. An ensemble's map is the mean of its members'.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from classify.data import as_tensor, as_unit, normalise
from classify.explanation.config import METHODS, ExplainConfig, check_installed
from classify.explanation.feature_maps import last_feature_maps, members_of
from classify.predict import Classifier
from classify.trust.operating_points import apply_operating_point
from medx.core.console import track
from medx.core.images import Pixels
from medx.core.values import HeatMap

Ints = npt.NDArray[np.int64]
Maps = npt.NDArray[np.float32]

#: Gradients need more memory than predictions; Score-CAM runs the network once a channel.
BATCH_SIZE, SCORE_CAM_BATCH_SIZE = 32, 1
THIRDS_ACROSS, THIRDS_DOWN = ("left", "centre", "right"), ("upper", "middle", "lower")


def heatmaps(
    classifier: Classifier,
    pixels: Pixels,
    *,
    method: str = ExplainConfig.method,
    target: npt.ArrayLike | None = None,
    description: str | None = None,
) -> Maps:
    """Return where the evidence for a class is, ``float32`` ``(N, S, S)``, each 0 to 1.

    A map without any evidence is 0 everywhere.

    Args:
        classifier: A trained one.
        pixels: ``uint8`` ``(N, S, S)``, in colour ``(N, S, S, 3)``.
        method: One of ``METHODS``.
        target: Class indices ``(N,)``, or one for all; None takes the predicted ones.
        description: What a progress bar says; None shows none.

    Raises:
        MissingExtraError: When pytorch-grad-cam is not installed.
        InputError: When the network has no feature maps.
        ValueError: When ``method`` is unknown or a target is no class.
    """
    cam = load_method(method)
    chosen = _targets(classifier, pixels, target)
    inputs = as_tensor(pixels)
    size = SCORE_CAM_BATCH_SIZE if method == "scorecam" else BATCH_SIZE
    size = min(size, classifier.batch_size)
    parts = []
    starts = range(0, len(inputs), size)
    for start in starts if description is None else track(starts, description):
        batch = inputs[start : start + size].to(classifier.mean.device)
        shown = normalise(as_unit(batch), classifier.mean, classifier.std)
        classes = chosen[start : start + size]
        maps = [_maps(member, cam, shown, classes) for member in members_of(classifier.network)]
        parts.append(_scaled(np.mean(maps, axis=0)))
    return np.concatenate(parts)


def explain_images(
    classifier: Classifier,
    ids: Sequence[str],
    pixels: Pixels,
    *,
    method: str = ExplainConfig.method,
    target: npt.ArrayLike | None = None,
    description: str | None = None,
) -> list[HeatMap]:
    """Return ``heatmaps`` as values that say what they are of, and where each is highest."""
    chosen = _targets(classifier, pixels, target)
    maps = heatmaps(classifier, pixels, method=method, target=chosen, description=description)
    return [
        HeatMap(
            id=name,
            label=classifier.classes[index],
            method=method,
            classifier=classifier.name,
            peak=peak_of(values),
            zone=zone_of(values),
            values=values,
        )
        for name, index, values in zip(ids, chosen, maps, strict=True)
    ]


def load_method(method: str) -> Callable[..., Any]:
    """Return what draws the maps of a method, from pytorch-grad-cam.

    Raises:
        MissingExtraError: When it is not installed.
        ValueError: When the method is unknown.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    check_installed()
    import pytorch_grad_cam as cams

    found: dict[str, Callable[..., Any]] = {
        "gradcam": cams.GradCAM,
        "gradcam++": cams.GradCAMPlusPlus,
        "layercam": cams.LayerCAM,
        "hirescam": cams.HiResCAM,
        "scorecam": cams.ScoreCAM,
        "eigencam": cams.EigenCAM,
    }
    return found[method]


def explained_layer(classifier: Classifier) -> str:
    """Return the name of the layer that maps are read from."""
    return last_feature_maps(members_of(classifier.network)[0]).name


def peak_of(values: Maps) -> tuple[float, float] | None:
    """Return where a map ``(H, W)`` is highest, as shares of width and height; None if flat.

    >>> peak_of(np.array([[0, 0], [0, 1]], np.float32))
    (0.75, 0.75)
    """
    if values.max() <= values.min():
        return None
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    height, width = values.shape
    return (float(column) + 0.5) / width, (float(row) + 0.5) / height


def zone_of(values: Maps) -> str | None:
    """Return the ninth of the image that holds the peak, as seen: ``upper left``; None if flat.

    >>> zone_of(np.eye(9, dtype=np.float32)[:1].T @ np.eye(9, dtype=np.float32)[8:])
    'upper right'
    """
    peak = peak_of(values)
    if peak is None:
        return None
    across, down = THIRDS_ACROSS[int(peak[0] * 3)], THIRDS_DOWN[int(peak[1] * 3)]
    return across if (across, down) == ("centre", "middle") else f"{down} {across}"


def _targets(classifier: Classifier, pixels: Pixels, target: npt.ArrayLike | None) -> Ints:
    colour = classifier.description.colour
    shape = (classifier.size, classifier.size, 3)[: 3 if colour else 2]
    if pixels.dtype != np.uint8 or pixels.shape[1:] != shape or len(pixels) == 0:
        raise ValueError(f"pixels must be uint8 (N, {shape}), got {pixels.dtype} {pixels.shape}")
    if target is None:
        probs = classifier.probabilities(pixels)
        return apply_operating_point(probs, classifier.description.operating_point)
    chosen = np.broadcast_to(np.asarray(target, np.int64), len(pixels))
    if chosen.min() < 0 or chosen.max() >= len(classifier.classes):
        raise ValueError(f"target must be in 0-{len(classifier.classes) - 1}, got {target!r}")
    return chosen


def _maps(network: nn.Module, cam_class: Callable[..., Any], inputs: Tensor, target: Ints) -> Maps:
    """Return the maps ``(B, S, S)`` of one network, which is left as it was."""
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    where, was_training = last_feature_maps(network), network.training
    cam = cam_class(network, [where.layer], reshape_transform=where.as_maps)
    try:
        # Batch norm must use what it learned, and a caller's no_grad must not reach the gradients.
        network.eval()
        with torch.inference_mode(False), torch.enable_grad(), redirect_stderr(io.StringIO()):
            shown = inputs.detach().clone().requires_grad_()  # for networks that are frozen
            return np.asarray(cam(shown, [ClassifierOutputTarget(int(c)) for c in target]))
    finally:
        cam.activations_and_grads.release()
        network.zero_grad(set_to_none=True)
        network.train(was_training)


def _scaled(maps: Maps) -> Maps:
    """Return each map divided by its highest value."""
    clean = np.nan_to_num(np.maximum(maps, 0.0)).astype(np.float32)
    highest = clean.max(axis=(1, 2), keepdims=True)
    scaled: Maps = np.divide(clean, highest, out=np.zeros_like(clean), where=highest > 0)
    return scaled
