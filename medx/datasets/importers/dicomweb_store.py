"""The dataset folder that a DICOMweb import fills, and goes on filling when run again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from medx.core.console import note, progress_bar, track
from medx.core.errors import InputError
from medx.core.pseudonyms import Pseudonyms
from medx.datasets.importers.base import Imported, Skipped
from medx.datasets.importers.dicom import modality_of, notes_on, write_copy
from medx.datasets.importers.dicom_labels import DicomLabels
from medx.datasets.importers.dicom_records import NO_IMAGES, why_no_image
from medx.datasets.importers.dicomweb_server import (
    DicomwebServer,
    FetchError,
    Found,
    Query,
    ServerGoneError,
)
from medx.datasets.importers.saving import (
    IMAGES_FOLDER,
    SKIPPED_FILE,
    ImportSummary,
    build_dataset,
    check_output,
    summarise,
    write_skipped,
)
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import (
    CSV_FILE,
    PARQUET_FILE,
    file_of,
    load_manifest,
    save_dataset,
)

DESCRIPTION = "DICOM images imported from a DICOMweb server, de-identified"
#: Failures in a row after which the server is given up.
PATIENCE = 5
#: Least seconds between two savings of the manifest, and least multiple of what one takes.
SAVE_EVERY, SAVE_SHARE = 10.0, 20.0


class DicomwebStore:
    """The dataset folder that grows."""

    def __init__(
        self, output: Path, name: str, pseudonyms: Pseudonyms, labels: DicomLabels | None
    ) -> None:
        self.output, self.name, self.pseudonyms = output, name, pseudonyms
        self.labels = labels
        self.held: Dataset | None = None
        self.records: list[Record] = []
        self.files: set[str] = set()
        self.skipped: list[Skipped] = []
        self.kinds: Counter[str] = Counter()
        self.without_patient = 0
        self._saved, self._cost = time.monotonic(), 0.0
        self._take_over()

    @property
    def counted(self) -> str:
        """What was left out because it is no image."""
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self.kinds.items()))
        return f"left out: {kinds}" if kinds else ""

    def add(self, found: Found, dataset: Any) -> None:
        """Store one instance, or count what it is instead.

        Raises:
            FetchError: When it is damaged or not the one that was asked for.
        """
        try:
            uid, kind = str(dataset.get("SOPInstanceUID", "")), why_no_image(dataset)
        except Exception as error:  # pydicom decodes late, and raises anything on a damaged value
            raise FetchError(f"a damaged DICOM file ({type(error).__name__})") from error
        if uid != found.instance:
            raise FetchError("the server sent another instance than the one asked for")
        if kind:
            self.kinds[kind] += 1
            return
        code = self.code_of(found)
        path = f"{IMAGES_FOLDER}/{code}.dcm"
        try:
            instance = write_copy(dataset, self.output / path, self.pseudonyms)
        except InputError as error:
            raise FetchError(str(error)) from error
        self.without_patient += instance.by_study
        label = self.labels.label_of(dataset, path) if self.labels else None
        self.records.extend(instance.records(path, label))
        self.files.add(code)
        if time.monotonic() - self._saved > max(SAVE_EVERY, SAVE_SHARE * self._cost):
            self.save()

    def code_of(self, found: Found) -> str:
        """Return the name under which an instance is stored."""
        return self.pseudonyms.code("instance", found.instance)

    def save(self) -> ImportSummary:
        """Write the manifest of all that has been stored so far."""
        started = time.monotonic()
        notes = (self.counted, *notes_on(self.records, self.without_patient))
        imported = Imported(
            name=self.name,
            records=tuple(self.records),
            root=self.output,
            classes=self.labels.classes if self.labels else (),
            modality=modality_of(self.records),
            description=DESCRIPTION,
            skipped=tuple(self.skipped),
            notes=tuple(line for line in notes if line),
        )
        dataset = build_dataset(imported, self.output, self.name, self.output)
        if self.held:  # its name, classes and licence may have been edited since
            dataset = replace(self.held, records=dataset.records)
        save_dataset(dataset, self.output)
        if self.skipped:
            write_skipped(self.skipped, self.output / SKIPPED_FILE)
        else:
            (self.output / SKIPPED_FILE).unlink(missing_ok=True)
        self._saved = time.monotonic()
        self._cost = self._saved - started
        return summarise(dataset, imported, self.output, copied=True, dropped=0)

    def _take_over(self) -> None:
        """Keep the rows of an earlier import whose files are still there."""
        if not any((self.output / name).is_file() for name in (CSV_FILE, PARQUET_FILE)):
            check_output(self.output)
            return
        self.held = load_manifest(self.output)
        if self.held.description != DESCRIPTION:
            check_output(self.output)
        for record in self.held.records:
            if (path := file_of(record, self.output)).is_file():
                self.records.append(record)
                self.files.add(path.stem)
        note(f"{len(self.files)} image files are here already and are not fetched again")


def find_missing(
    server: DicomwebServer, query: Query, store: DicomwebStore, limit: int | None
) -> list[Found]:
    """Return which of the first ``limit`` images of a query the store has not."""
    images = []
    with progress_bar("searching", None) as progress:
        for found in server.find(query):
            progress.advance(progress.task_ids[0])
            if found.modality in NO_IMAGES:
                store.kinds[found.modality] += 1
                continue
            images.append(found)
            if len(images) == limit:
                break
    return [found for found in images if store.code_of(found) not in store.files]


def fetch_all(server: DicomwebServer, missing: Sequence[Found], store: DicomwebStore) -> None:
    """Fetch and store instance by instance; what fails is listed, what was stored is kept.

    Raises:
        ServerGoneError: When the server stays silent ``PATIENCE`` times in a row.
        InputError: When it refuses access.
    """
    silent = 0
    try:
        for found in track(missing, "fetching"):
            try:
                store.add(found, server.fetch(found))
                silent = 0
            except FetchError as error:
                store.skipped.append((store.code_of(found), str(error)))
            except ServerGoneError as error:
                silent += 1
                if silent == PATIENCE:
                    raise
                store.skipped.append((store.code_of(found), str(error)))
    finally:
        if store.records:
            store.save()
