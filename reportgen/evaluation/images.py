"""Which images are measured, and what the runs know of them besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from medx.core.errors import InputError
from medx.core.values import Prediction
from medx.core.words import many
from reportgen.evaluation.config import EvaluateConfig
from reportgen.evaluation.runs import FinishedRun
from reportgen.evaluation.truth import Truth
from reportgen.labels import normal_label


def choose_images(runs: Sequence[FinishedRun], *, shared: bool) -> tuple[list[str], list[str]]:
    """Return the images that are measured, and what has to be known of that choice.

    Raises:
        InputError: When runs share no image, or a name stands for two images.
    """
    _check_pixels(runs)
    times = Counter(image_id for run in runs for image_id in run.image_ids)
    everywhere = sorted(name for name, count in times.items() if count == len(runs))
    if shared:
        if not everywhere:
            raise InputError(
                "the runs share no image",
                hint="generate them with the same --split, --num-samples and --seed",
            )
        dropped = len(times) - len(everywhere)
        left_out = f"{many(dropped, 'image')} left out: not every run has them"
        return everywhere, [left_out] if dropped else []
    note = (
        f"only {len(everywhere)} of {len(times)} images are in every run: figures of runs are not "
        "of the same images (medx report compare takes the shared ones)"
    )
    return sorted(times), [note] if len(everywhere) < len(times) else []


def dataset_of(config: EvaluateConfig, runs: Sequence[FinishedRun]) -> str | None:
    """Return the dataset as it was asked for; None for image files, which are of no dataset."""
    if config.dataset is not None:
        return config.dataset
    names = {run.config.get("dataset") for run in runs if not run.config.get("images")}
    if len(names) > 1 or len({run.dataset for run in runs}) > 1:
        told = ", ".join(sorted({run.dataset for run in runs}))
        raise InputError(
            f"the runs are of several datasets ({told})", hint="evaluate them one by one"
        )
    return next((str(name) for name in names if name), None)


def predicted_classes(runs: Sequence[FinishedRun]) -> tuple[str, ...]:
    """Return the classes of the classifier without the normal one."""
    for prediction in predictions(runs).values():
        classes = list(prediction.probabilities)
        return tuple(name for name in classes if name != normal_label(classes))
    return ()


def predictions(runs: Sequence[FinishedRun]) -> dict[str, Prediction]:
    """Return what the classifier said of each image, as reports got to know it."""
    return {
        image_id: report.prediction
        for run in runs
        for reports in run.reports.values()
        for image_id, report in reports.items()
        if report.prediction is not None
    }


def say_classifiers(runs: Sequence[FinishedRun]) -> list[str]:
    """Say when reports leaned on several classifiers, of which one baseline is made."""
    found = {
        written.prediction.classifier
        for run in runs
        for reports in run.reports.values()
        for written in reports.values()
        if written.prediction
    }
    if len(found) < 2:
        return []
    named = ", ".join(sorted(found))
    return [f"the reports lean on several classifiers ({named}): their row mixes these"]


def _check_pixels(runs: Sequence[FinishedRun]) -> None:
    """Files of two folders may have one name and be two images."""
    seen: dict[str, tuple[str, str]] = {}
    for run in runs:
        for reports in run.reports.values():
            for image_id, written in reports.items():
                digest, name = seen.setdefault(image_id, (written.image_sha256, run.name))
                if digest != written.image_sha256:
                    raise InputError(
                        f"{image_id} is another image in {run.name} than in {name}",
                        hint="evaluate the runs one by one",
                    )


def groups(truth: Truth, ids: Sequence[str]) -> list[str] | None:
    """Return each image's patient; None where no patient is known."""
    known = [truth.of(image_id).group for image_id in ids]
    if not any(known):
        return None
    return [group or f"image {image_id}" for group, image_id in zip(known, ids, strict=True)]


def split(truth: Truth, ids: Sequence[str]) -> str:
    """Return the splits that images are of."""
    found = sorted({truth.of(image_id).split or "unknown" for image_id in ids})
    return " and ".join(found)


def say_chosen(truth: Truth, ids: Sequence[str]) -> list[str]:
    """Say when the images are but a choice of their splits."""
    splits = {truth.of(image_id).split for image_id in ids} - {None}
    available = sum(image.split in splits for image in truth.images.values())
    if available <= len(ids):
        return []
    return [
        f"{len(ids)} of the {available} images of {split(truth, ids)}: `medx report generate` "
        "chooses normals, positives and the classifier's mistakes in equal parts, so figures are "
        "of this choice and not of the split"
    ]
