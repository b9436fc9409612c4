"""Boxes that cannot be right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from medx.datasets.audit.result import Finding, Instance
from medx.datasets.manifest import Box, Record

#: Shorter sides than this, in pixels, show nothing.
TINY = 4

#: What is wrong → what to say, and what to do.
PROBLEMS = {
    "empty": ("have no area", "remove them, or look up the corners in the source"),
    "outside": ("reach out of their image", "check for swapped axes, or for resized images"),
    "tiny": (f"are less than {TINY} pixels wide or high", "check that they are no slips"),
    "repeated": ("repeat a box of the same image", "keep one of each"),
    "unknown label": ("have a label that is no class", "rename or drop them: --label-map"),
}


def find_bad_boxes(
    records: Sequence[Record],
    sizes: Mapping[str, tuple[int, int]],
    classes: Sequence[str],
) -> Iterator[Finding]:
    """Yield what is wrong with boxes.

    Args:
        records: Records with or without boxes.
        sizes: Height and width of each readable image, by id.
        classes: Names a box may have; any when empty.
    """
    counts: Counter[str] = Counter()
    places: dict[str, list[Instance]] = {}
    for record in records:
        seen: set[Box] = set()
        for box in record.boxes:
            for problem in _problems(box, seen, sizes.get(record.id), classes):
                counts[problem] += 1
                detail = f"{box.label}: x {box.x}, y {box.y}, {box.width}×{box.height}"
                places.setdefault(problem, []).append(Instance(ids=[record.id], detail=detail))
            seen.add(box)
    for problem, (sentence, advice) in PROBLEMS.items():
        if count := counts[problem]:
            yield Finding(
                check=f"boxes-{problem.replace(' ', '-')}",
                severity="info" if problem == "tiny" else "warning",
                sentence=f"{count} box{'es' if count > 1 else ''} {sentence}",
                count=count,
                instances=places[problem],
                advice=advice,
            )


def _problems(
    box: Box, seen: set[Box], size: tuple[int, int] | None, classes: Sequence[str]
) -> Iterator[str]:
    if box.width <= 0 or box.height <= 0:
        yield "empty"
    elif min(box.width, box.height) < TINY:
        yield "tiny"
    right, bottom = box.x + box.width, box.y + box.height
    if box.x < 0 or box.y < 0 or (size and (bottom > size[0] or right > size[1])):
        yield "outside"
    if box in seen:
        yield "repeated"
    if classes and box.label not in classes:
        yield "unknown label"
