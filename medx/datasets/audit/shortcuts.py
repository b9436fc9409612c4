"""What a model could learn instead of the disease: hospital, file format, size, frames, letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from medx.datasets.audit.association import associate
from medx.datasets.audit.result import (
    ClassFromAttribute,
    Finding,
    Instance,
    LabelAssociation,
    SourceProbe,
)
from medx.datasets.audit.scan import Bools, Scan

SOURCE, HOSPITAL = "source", "hospital or scanner"

#: A weaker link is common and harmless, or chance.
LEAST_V = 0.3
MOST_P = 0.01
NEARLY = 0.9


def associate_labels(scan: Scan) -> list[LabelAssociation]:
    """Return how labels follow each thing that is not disease and differs between images."""
    rows = [row for row, record in enumerate(scan.records) if record.label]
    labels = [str(scan.records[row].label) for row in rows]
    groups = [scan.records[row].group or f"row {row}" for row in rows]
    found = []
    for attribute, values in _attributes(scan).items():
        if all(values[row] for row in rows):
            known = [str(values[row]) for row in rows]
            found.append(associate(attribute, known, labels, groups))
    return [association for association in found if association is not None]


def find_shortcuts(
    associations: Sequence[LabelAssociation], probe: SourceProbe | None
) -> Iterator[Finding]:
    """Yield which labels follow something that is not disease."""
    for link in associations:
        if link.cramers_v < LEAST_V or link.p_value > MOST_P:
            continue
        told = sorted(link.classes, key=lambda c: -c.balanced_accuracy)
        nearly = [c for c in told if c.balanced_accuracy >= NEARLY]
        worst = nearly or told[:1]
        noun = HOSPITAL if link.attribute == SOURCE else link.attribute
        verb = "is nearly" if nearly else "leans to"
        detail = "; ".join(_describe(c, verb, noun if noun == HOSPITAL else "") for c in worst)
        yield Finding(
            check=f"label-follows-{link.attribute.replace(' ', '-')}",
            severity="warning",
            sentence=f"the label follows the {noun}: {detail}; Cramér's V {link.cramers_v:.2f}, "
            f"permutation p {link.p_value:.3f}" + _seen(link, probe),
            count=len(worst),
            advice="a model can learn it instead of the disease: test on held-out values "
            "(medx data split DATASET --holdout source=…), or balance them"
            if link.attribute == SOURCE
            else "a model can learn it instead of the disease: crop, convert or balance",
        )
    if probe and probe.balanced_accuracy.low > (1 + probe.chance) / 2:
        yield Finding(
            check="source-visible",
            severity="info",
            sentence="the source can be told from the image by a linear model: balanced accuracy "
            f"{probe.balanced_accuracy} (chance {probe.chance:.2f})",
            count=len(probe.sources),
            advice="harmless while labels do not follow the source; test on sources held out",
        )


def _describe(told: ClassFromAttribute, verb: str, noun: str) -> str:
    value = f"the {noun} {told.typical!r}" if noun else repr(told.typical)
    return (
        f"{told.label!r} {verb} {value} ({told.share_of_class:.0%} of the class have it, "
        f"{told.share_of_value:.0%} of those that have it are of the class)"
    )


def find_marks(scan: Scan) -> Iterator[Finding]:
    """Yield the images with frames or letters."""
    yield from _marked(
        scan, scan.framed, "borders", "a black or white frame on two sides or more",
        "crop it away where it differs between classes or sources",
    )  # fmt: skip
    yield from _marked(
        scan, scan.lettered, "burnt-in-text", "what looks like letters near the border",
        "look for names and dates (they identify people), and for markers of one class or source",
    )  # fmt: skip


def _marked(scan: Scan, marked: Bools, check: str, what: str, advice: str) -> Iterator[Finding]:
    rows = np.flatnonzero(marked)
    if not len(rows):
        return
    yield Finding(
        check=check,
        severity="info",
        sentence=f"{len(rows)} image{'s' if len(rows) > 1 else ''} "
        f"{'have' if len(rows) > 1 else 'has'} {what}",
        count=len(rows),
        instances=[Instance(ids=[scan.records[row].id]) for row in rows],
        advice=advice,
    )


def _attributes(scan: Scan) -> dict[str, list[str | None]]:
    """Return, by name, a value of each image; None where it is not known."""
    return {
        SOURCE: [record.source for record in scan.records],
        "file format": list(scan.kinds),
        "image size": [f"{width}×{height}" for height, width in scan.sizes.tolist()],
        "frame": ["frame" if framed else "no frame" for framed in scan.framed],
        "burnt-in text": ["letters" if lettered else "no letters" for lettered in scan.lettered],
    }


def _seen(link: LabelAssociation, probe: SourceProbe | None) -> str:
    if link.attribute != SOURCE or probe is None:
        return ""
    return (
        f"; the source can be told from the image with balanced accuracy "
        f"{probe.balanced_accuracy} (chance {probe.chance:.2f})"
    )
