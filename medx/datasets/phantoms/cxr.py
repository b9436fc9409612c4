"""Procedural frontal chest radiographs with known findings, boxes, captions and reports.

Each image is drawn from one patient's anatomy, as chord lengths of air, soft tissue and bone, and
turned into a radiograph by X-ray attenuation, scatter, noise and one virtual centre's processing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from medx.core.children import choose_workers, run_in_children
from medx.datasets.phantoms.anatomy import draw_anatomy, draw_pose
from medx.datasets.phantoms.config import CENTRES, DISCLAIMER, FINDINGS, NORMAL, PhantomConfig
from medx.datasets.phantoms.exposure import expose, exposure_window, line_integral, style_of
from medx.datasets.phantoms.findings import (
    FindingPlan,
    PhantomFinding,
    draw_plan,
    paint_finding,
    prepare_anatomy,
)
from medx.datasets.phantoms.text import TERMS, write_caption, write_report
from medx.datasets.phantoms.thorax import build_thorax

__all__ = [
    "CENTRES",
    "DISCLAIMER",
    "FINDINGS",
    "NORMAL",
    "TERMS",
    "Phantom",
    "PhantomConfig",
    "PhantomFinding",
    "generate_phantoms",
    "render_phantom",
]

_BLOCK = 12  # images over which patients are dealt out
# Independent random streams.
_PATIENT, _BLOCKS, _POSE, _PLAN, _PAINT, _NOISE, _TEXT, _BIAS, _RETURN = range(9)


@dataclass(frozen=True, kw_only=True, eq=False)
class Phantom:
    """One synthetic radiograph and the truth about it.

    Attributes:
        id: Stable name, from seed and index.
        image: uint8 (H, W), bones white, patient's left on the image's right.
        findings: What it shows, empty when normal.
        caption: One or two sentences.
        report: Reference report with FINDINGS and IMPRESSION sections.
        patient: Patient name; images of one patient share anatomy and centre.
        centre: One of `CENTRES`.
    """

    id: str
    image: npt.NDArray[np.uint8]
    findings: tuple[PhantomFinding, ...]
    caption: str
    report: str
    patient: str
    centre: str

    @property
    def label(self) -> str:
        """Finding names joined by `|`, or `normal`."""
        return "|".join(finding.name for finding in self.findings) or NORMAL


def render_phantom(config: PhantomConfig, index: int) -> Phantom:
    """Render one image; the result does not depend on `config.count` or on other images."""
    if index < 0:
        raise ValueError(f"index must be >= 0, got {index}")
    plans = _draw_plans(config, index)
    patient = _patient_number(config, index)
    centre = _centre_of(config, patient, _stream(config, _PATIENT, patient))
    image, findings = _render(config, index, plans)
    words = _stream(config, _TEXT, index)
    return Phantom(
        id=phantom_id(config, index),
        image=image,
        findings=findings,
        caption=write_caption(plans, words),
        report=write_report(plans, words),
        patient=f"phantom-{config.seed}-p{patient:06d}",
        centre=centre,
    )


def phantom_id(config: PhantomConfig, index: int) -> str:
    """Return the stable name of an image."""
    return f"phantom-cxr-{config.seed}-{index:06d}"


def generate_phantoms(config: PhantomConfig, *, workers: int | None = None) -> Iterator[Phantom]:
    """Yield `config.count` images in index order, the same for any number of workers.

    Args:
        config: The dataset's settings.
        workers: Processes that render; None takes one per CPU once the work is worth starting them.
    """
    pixels = config.size**2
    if workers is None:
        workers = choose_workers(config.count * pixels, each=pixels)
    config = replace(config, prevalence=dict(config.prevalence))  # a dict travels to any child
    return run_in_children(
        render_phantom, config, count=config.count, pixels=pixels, workers=workers
    )


def _stream(config: PhantomConfig, stream: int, key: int) -> np.random.Generator:
    return np.random.default_rng((config.seed, stream, key))


def _patient_number(config: PhantomConfig, index: int) -> int:
    """Deal each block of images to its own patients, so that a number needs no other block."""
    block, offset = divmod(index, _BLOCK)
    return block * _BLOCK + int(np.count_nonzero(_starts(config, block) <= offset))


def _first_image(config: PhantomConfig, patient: int) -> int:
    block, order = divmod(patient, _BLOCK)
    return block * _BLOCK + (int(np.sort(_starts(config, block))[order - 1]) if order else 0)


def _starts(config: PhantomConfig, block: int) -> npt.NDArray[np.int64]:
    """Return the offsets within a block at which another patient begins, unordered."""
    patients = max(1, round(_BLOCK / config.images_per_patient))
    return _stream(config, _BLOCKS, block).permutation(np.arange(1, _BLOCK))[: patients - 1]


def _centre_of(config: PhantomConfig, patient: int, person: np.random.Generator) -> str:
    """Return a patient's centre: drawn from `person`, or tied to the patient's first finding."""
    number = int(person.integers(len(CENTRES)))
    if config.centre_label_bias and _biased(config, _BIAS, patient):
        main = _main_finding(config, _first_draw(config, _first_image(config, patient)))
        number = config.classes.index(main) % len(CENTRES)
    return CENTRES[number]


def _biased(config: PhantomConfig, stream: int, key: int) -> bool:
    return bool(_stream(config, stream, key).random() < config.centre_label_bias)


def _first_draw(config: PhantomConfig, index: int) -> float:
    return float(_stream(config, _PLAN, index).random())


def _main_finding(config: PhantomConfig, draw: float) -> str:
    shares = [config.prevalence.get(name, 0.0) for name in FINDINGS]
    main = int(np.searchsorted(np.cumsum(shares), draw, side="right"))
    return FINDINGS[main] if main < len(FINDINGS) else NORMAL


def _draw_plans(config: PhantomConfig, index: int) -> tuple[FindingPlan, ...]:
    rng = _stream(config, _PLAN, index)
    draw = float(rng.random())
    if config.centre_label_bias and _biased(config, _RETURN, index):
        draw = _first_draw(config, _first_image(config, _patient_number(config, index)))
    main = _main_finding(config, draw)
    if main == NORMAL:
        return ()
    first = draw_plan(main, rng)
    if rng.random() >= config.co_occurrence:
        return (first,)
    others = [name for name in FINDINGS if name != first.name]
    return first, draw_plan(others[int(rng.integers(len(others)))], rng, opposite=first.side)


def _render(
    config: PhantomConfig, index: int, plans: tuple[FindingPlan, ...]
) -> tuple[npt.NDArray[np.uint8], tuple[PhantomFinding, ...]]:
    """Render an image with the given findings; patient, pose and noise are the index's own."""
    patient = _patient_number(config, index)
    person = _stream(config, _PATIENT, patient)
    centre = _centre_of(config, patient, person)
    healthy = draw_anatomy(person)
    pose = draw_pose(_stream(config, _POSE, index))
    paint = _stream(config, _PAINT, index)
    anatomy = prepare_anatomy(plans, healthy, paint)
    thorax = build_thorax(config.size, anatomy, pose)
    reference = thorax if anatomy is healthy else build_thorax(config.size, healthy, pose)
    # Exposure follows the healthy chest, so a finding changes its own pixels, not the whole film.
    window = exposure_window(reference, line_integral(reference))
    findings = tuple(paint_finding(plan, thorax, paint) for plan in plans)
    style = style_of(centre, config.centre_strength)
    return expose(
        thorax.frame, line_integral(thorax), window, style, _stream(config, _NOISE, index)
    ), findings
