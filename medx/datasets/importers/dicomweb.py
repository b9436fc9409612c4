"""Importing from a DICOMweb server: each image is fetched once and stored without an identity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medx.core import settings
from medx.core.console import told_on_interrupt
from medx.core.errors import DataUnavailableError, InputError, MissingExtraError
from medx.core.pseudonyms import load_pseudonyms
from medx.datasets.importers.base import ImportOptions
from medx.datasets.importers.dicom import check_labelled, labels_from

if TYPE_CHECKING:
    from medx.datasets.importers.saving import ImportSummary


def import_dicomweb(
    url: str,
    output: Path,
    *,
    modalities: tuple[str, ...] = (),
    study_date: str | None = None,
    limit: int | None = None,
    name: str | None = None,
    options: ImportOptions | None = None,
) -> ImportSummary:
    """Fetch the images a query selects into a dataset folder; what is there is not fetched again.

    Args:
        url: Of the DICOMweb service.
        output: Empty or absent, or a folder this function wrote before: its rows stay as they are.
        modalities: DICOM codes to import; none means all.
        study_date: ``YYYYMMDD`` or a range ``YYYYMMDD-YYYYMMDD``.
        limit: At most so many image files.
        name: Of the dataset.
        options: Its sheet of labels, joined before the keys are replaced.

    Raises:
        InputError: When the server cannot be reached or refuses, or ``output`` holds other things.
        MissingExtraError: When ``dicomweb-client`` is not installed.
    """
    try:
        from medx.datasets.importers.dicomweb_server import DicomwebServer, Query
        from medx.datasets.importers.dicomweb_store import DicomwebStore, fetch_all, find_missing
    except ModuleNotFoundError as error:
        raise MissingExtraError("dicomweb", "dicomweb") from error
    if settings.offline():
        raise DataUnavailableError("--dicomweb needs the network", hint=settings.LEAVE_OFFLINE)
    server = DicomwebServer(url)
    labels = labels_from(options or ImportOptions())
    store = DicomwebStore(output, name or output.resolve().name, load_pseudonyms(), labels)
    query = Query(modalities=modalities, study_date=study_date)
    missing = find_missing(server, query, store, limit)
    with told_on_interrupt(f"kept what was fetched in {output}; run again to go on"):
        fetch_all(server, missing, store)
    if not store.records:
        first = f"; first failure: {store.skipped[0][1]}" if store.skipped else ""
        raise InputError(f"no image was imported{first}", hint=store.counted or "check the query")
    check_labelled(store.records, labels)
    return store.save()
