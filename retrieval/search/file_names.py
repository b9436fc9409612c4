"""What a result calls a query file: its path, unless that names the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medx.core.dicom_identity import IDENTITY_TAGS, Identity
from medx.core.images import DICOM_SUFFIXES
from medx.core.quiet import quiet
from retrieval.search.query import Query, Term, write_terms
from retrieval.search.web_address import is_url, shown_url

HIDDEN = "a DICOM file whose path names its patient"


def shown_path(path: str) -> str:
    """Return ``path`` as given, or ``HIDDEN`` where a DICOM header's identity stands in it."""
    identity = _identity(Path(path))
    return HIDDEN if identity is not None and identity.is_in_path(path) else path


def shown_query(query: Query, names: Sequence[str] | None = None) -> str:
    """Return a query as it was written, without what may not be shown of its files and addresses.

    Args:
        query: What was asked.
        names: What each term is called, where that is known already.
    """
    names = [_shown_value(term) for term in query.terms] if names is None else names
    terms = [replace(t, value=name) for t, name in zip(query.terms, names, strict=True)]
    if all(a.value == b.value for a, b in zip(terms, query.terms, strict=True)):
        return str(query)
    return write_terms((term.weight, str(term)) for term in terms)


def shown_text(text: str) -> str:
    """Return a query that cannot be read, or nothing where it may name a file or an address."""
    suspicious = ("/", "\\", *filter(None, DICOM_SUFFIXES))
    return "" if any(mark in text.lower() for mark in suspicious) else text


def _shown_value(term: Term) -> str:
    if term.kind in ("text", "pixels"):
        return term.value
    return shown_url(term.value) if is_url(term.value) else shown_path(term.value)


def _identity(path: Path) -> Identity | None:
    from medx.datasets.importers.dicom import read_header
    from medx.datasets.importers.dicom_records import has_preamble

    if path.suffix.lower() not in DICOM_SUFFIXES and not has_preamble(path):
        return None
    with quiet():
        try:
            return Identity(read_header(path, IDENTITY_TAGS, force=True))
        except Exception:  # pydicom raises anything; a damaged file is told of when it is read
            return None
