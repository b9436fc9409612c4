"""Report items on the way from files to engine: a few images in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from classify.ledger import meets_test, record_evaluation
from medx.case.cases import Case
from medx.case.evidence import report_items
from medx.case.heatmaps import draw_heatmaps
from medx.case.neighbours import add_neighbours
from medx.case.predicting import predict_images
from medx.case.report_input import ReportInput, holds_several, read_record
from medx.case.workbench import Workbench
from medx.core.console import note, track, warn
from medx.core.errors import MedxError
from medx.core.images import Image, Pixels
from medx.core.quiet import quiet
from medx.core.threads import map_in_threads
from medx.core.values import Hit
from medx.core.words import many
from medx.datasets.manifest import Dataset, Record
from reportgen.item import ReportItem
from reportgen.report_set import Skipped
from reportgen.samples import Candidate, choose_samples
from retrieval.search.pictures import read_images

#: Images, and bytes of their pixels, that are predicted at once.
BATCH_IMAGES, BATCH_BYTES = 32, 128 << 20

_Read = tuple[Record, Image]


def stream_items(inputs: Iterable[ReportInput], bench: Workbench) -> Iterator[ReportItem | Skipped]:
    """Yield every image with its evidence, and every file that cannot be read.

    Args:
        inputs: What to report on.
        bench: What predicts, explains and searches.
    """
    maps = several = 0
    for given in inputs:
        for image_id, reason in given.skipped:
            yield Skipped(image_id=image_id, reason=reason)
        for batch in _batches(_read_all(given.dataset, given.dataset.records)):
            for found in batch:
                if isinstance(found, Skipped):
                    yield found
            read = [found for found in batch if not isinstance(found, Skipped)]
            if given.from_file:
                several += sum(holds_several(given.dataset, *found) for found in read)
            cases, no_map = draw_heatmaps(bench.classifier, _cases(given, bench, read))
            if no_map and not maps:
                note(f"no heat-maps: {no_map}")
            maps += bool(no_map)
            yield from report_items(add_neighbours(cases, bench.gallery))
    if several:
        note(f"{many(several, 'file')} held several images; the first of each was reported on")


def sample_input(
    part: Dataset, bench: Workbench, count: int, *, seed: int, exact: bool = True
) -> ReportInput:
    """Choose normals, positives and the classifier's mistakes; see ``choose_samples``.

    Args:
        part: Records of the classifier's dataset.
        bench: What predicts them.
        count: How many to choose.
        seed: Of the choice.
        exact: Fail where there are fewer; else all of them are taken, with a note.

    Raises:
        InputError: When fewer can be read.
    """
    candidates: list[Candidate] = []
    skipped: list[tuple[str, str]] = []
    batches = _batches(_read_all(part, part.records))
    for batch in track(batches, "predicting", total=None):
        skipped += [(f.image_id, f.reason) for f in batch if isinstance(f, Skipped)]
        read = [found for found in batch if not isinstance(found, Skipped)]
        cases = _cases(ReportInput(dataset=part, from_file=False), bench, read)
        candidates += [
            Candidate(id=c.id, label=c.reference_label, prediction=c.prediction) for c in cases
        ]
    if meets_test(part.records):
        # Its mistakes were looked for among these, by their labels.
        splits = sorted({record.split for record in part.records if record.split})
        record_evaluation(bench.train_dir, part.name, "+".join(splits), len(candidates))
    if not exact and count > len(candidates):
        count = len(candidates)
        note(f"there are only {many(count, 'image')}: reporting on all of them")
    chosen = choose_samples(candidates, count, seed=seed)
    records = {record.id: record for record in part.records}
    taken = {sample.id for sample in chosen}
    return ReportInput(
        dataset=replace(part, records=tuple(records[sample.id] for sample in chosen)),
        from_file=False,
        kinds={sample.id: sample.kind for sample in chosen},
        predictions={c.id: c.prediction for c in candidates if c.id in taken and c.prediction},
        skipped=tuple(skipped),
    )


class NeighbourReader:
    """Reads the pixels of similar cases from the datasets they were indexed from."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._opened: dict[str, Dataset] = {}
        self._told = False

    def __call__(self, hit: Hit) -> Pixels | None:
        """Return the pixels of a similar case, or None where they are gone, which is said once."""
        index = self._bench.gallery.index
        try:
            (pixels,) = read_images(
                index, [hit.id], data_dir=self._bench.data_dir, opened=self._opened
            )
        except MedxError as error:
            if not self._told:
                warn(f"pages lack pictures of similar cases: {error}")
            self._told = True
            return None
        return pixels


def _read_all(dataset: Dataset, records: Sequence[Record]) -> Iterator[_Read | Skipped]:
    def read(record: Record) -> _Read | Skipped:
        try:
            with quiet():
                return record, read_record(dataset, record)
        except MedxError as error:
            return Skipped(image_id=record.id, reason=str(error))

    with closing(map_in_threads(read, records)) as results:
        yield from results


def _batches(found: Iterable[_Read | Skipped]) -> Iterator[list[_Read | Skipped]]:
    batch: list[_Read | Skipped] = []
    size = 0
    for one in found:
        batch.append(one)
        size += 0 if isinstance(one, Skipped) else one[1].pixels.nbytes
        if len(batch) >= BATCH_IMAGES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _cases(given: ReportInput, bench: Workbench, read: Sequence[_Read]) -> list[Case]:
    known = [given.predictions[record.id] for record, _ in read if record.id in given.predictions]
    cases = predict_images(
        bench.classifier,
        bench.dataset,
        read,
        from_file=given.from_file,
        predictions=known if len(known) == len(read) else None,
    )
    return [
        replace(
            case,
            modality=given.dataset.modality,
            synthetic=given.dataset.synthetic,
            kind=given.kinds.get(case.id),
        )
        for case in cases
    ]
