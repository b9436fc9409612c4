"""Measuring how near a runtime stays to the original, once, and keeping the figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from medx.core.console import note, progress_bar
from medx.core.errors import InputError
from medx.core.files import write_json
from retrieval.encoders.base import Encoder
from retrieval.encoders.runtimes.fidelity import (
    SAME,
    Fidelity,
    Sample,
    embed_sample,
    measure_fidelity,
    phantom_sample,
)

FIDELITY_FILE = "fidelity.json"

#: Synthetic images compared when the user names no dataset.
SAMPLE = 64


def stored_fidelity(folder: Path) -> dict[str, Fidelity]:
    """Return what was measured of an encoder, by runtime and precision such as `onnx int8`."""
    try:
        stored = json.loads((folder / FIDELITY_FILE).read_text(encoding="utf-8"))
        return {name: Fidelity.model_validate(value) for name, value in stored.items()}
    except (OSError, ValueError, AttributeError, ValidationError):
        return {}


def check_fidelity(
    found: Encoder,
    original: Callable[[], Encoder],
    folder: Path,
    *,
    runtime: str,
    precision: str,
    compared_with: str,
    sample: Sample | None = None,
) -> Fidelity:
    """Compare an encoder at a runtime with the original, tell the user, and keep the figure.

    Raises:
        InputError: When embeddings at fp32 are not the same.
    """
    name = f"{runtime} {precision}"
    known = stored_fidelity(folder)
    if sample is None and name in known:
        return known[name]
    sample = sample or phantom_sample(SAMPLE)
    what = f"comparing {name} with {compared_with}"
    with progress_bar(what, 2 * len(sample.images)) as progress:
        advance = partial(progress.advance, progress.task_ids[0])
        both = [embed_sample(encoder, sample, advance) for encoder in (found, original())]
    fidelity = measure_fidelity(*both, compared_with=compared_with, sample=sample)
    if precision == "fp32" and not fidelity.same:
        raise InputError(
            f"{found.name} on {runtime} differs from {compared_with} by "
            f"{fidelity.largest_difference:.1e}, more than {SAME:.0e}: it is not used",
            hint="use --runtime torch",
        )
    write_json(
        folder / FIDELITY_FILE,
        {key: value.model_dump() for key, value in {**known, name: fidelity}.items()},
    )
    note(f"{found.name} at {name} beside {fidelity}")
    return fidelity
