"""An audit as files: ``audit.json`` and a page that shows what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image as PILImage
from PIL import ImageDraw

from medx.core.errors import MedxError
from medx.core.files import write_text
from medx.core.pages import data_uri, render_page
from medx.core.pictures import encode
from medx.datasets.audit.figures import save_histograms
from medx.datasets.audit.result import SEVERITIES, Audit, Count, Finding, Instance
from medx.datasets.manifest import Dataset, Record

SETS_SHOWN = 12
IMAGES_A_SET = 4
PICTURE_SIDE = 192

BOX_COLOUR = (255, 64, 64)

#: What is said below a set of pictures, the pictures, and how many are not shown.
Set = tuple[str, list[dict[str, Any]], int]
Table = tuple[str, list[str], list[tuple[str, list[int]]]]


def save_audit(audit: Audit, dataset: Dataset, folder: Path) -> Path:
    """Write ``audit.json``, figures and ``index.html`` into ``folder``; return the page."""
    write_text(folder / "audit.json", audit.model_dump_json(indent=2) + "\n")
    figures = [
        (data_uri(path.read_bytes()), title) for path, title in save_histograms(audit, folder)
    ]
    page = folder / "index.html"
    text = render_page(
        "audit.html.j2",
        audit=audit,
        severities=SEVERITIES,
        findings=_illustrate(audit.findings, dataset),
        tables=list(_tabulate(audit.counts)),
        figures=figures,
    )
    write_text(page, text)
    return page


def _illustrate(findings: Sequence[Finding], dataset: Dataset) -> list[tuple[Finding, list[Set]]]:
    """Return each finding with the pictures of its first instances."""
    shown = [(finding, finding.instances[:SETS_SHOWN]) for finding in findings]
    wanted = {name for _, some in shown for i in some for name in i.ids[:IMAGES_A_SET]}
    records = {record.id: record for record in dataset.records if record.id in wanted}

    def show(instance: Instance, boxed: bool) -> Set:
        ids = instance.ids[:IMAGES_A_SET]
        pictures = [_picture(records[name], dataset, boxed=boxed) for name in ids]
        return instance.detail, pictures, len(instance.ids) - len(ids)

    return [(f, [show(i, f.check.startswith("boxes")) for i in some]) for f, some in shown]


def _picture(record: Record, dataset: Dataset, *, boxed: bool) -> dict[str, Any]:
    facts = {"split": record.split, "label": record.label, "source": record.source}
    return {
        "id": record.id,
        "facts": [f"{name}: {value}" for name, value in facts.items() if value],
        "uri": _thumbnail(record, dataset, boxed=boxed),
    }


def _thumbnail(record: Record, dataset: Dataset, *, boxed: bool) -> str | None:
    try:
        picture = PILImage.fromarray(dataset.read(record).pixels)
    except MedxError:  # the finding says that it is unreadable
        return None
    scale = min(1.0, PICTURE_SIDE / max(picture.size))
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    if boxed:
        picture = picture.convert("RGB")
        draw = ImageDraw.Draw(picture)
        for box in record.boxes:
            x, y = sorted((box.x, box.x + box.width)), sorted((box.y, box.y + box.height))
            corners = [scale * x[0], scale * y[0], scale * x[1], scale * y[1]]
            draw.rectangle(corners, outline=BOX_COLOUR)
    return data_uri(encode(picture))


def _tabulate(counts: Sequence[Count]) -> Iterable[Table]:
    yield _pivot("by label and split", counts, lambda count: count.split)
    if any(count.source for count in counts):
        yield _pivot("by label and source", counts, lambda count: count.source)


def _pivot(heading: str, counts: Sequence[Count], column: Callable[[Count], str | None]) -> Table:
    cells: Counter[tuple[str, str]] = Counter()
    for count in counts:
        cells[count.label or "–", column(count) or "–"] += count.images
    labels = list(dict.fromkeys(label for label, _ in cells))
    columns = sorted({name for _, name in cells}, key=lambda n: (n != "train", n != "val", n))
    return heading, columns, [(label, [cells[label, name] for name in columns]) for label in labels]
