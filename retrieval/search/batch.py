"""Answering a file of queries: some at a time, with a journal, so that nothing is asked twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from medx.core.errors import InputError, MedxError
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from retrieval.config import SearchConfig
from retrieval.gallery import Gallery
from retrieval.search.file_names import shown_query, shown_text
from retrieval.search.parts import ReadQuery, read_query
from retrieval.search.query import Query
from retrieval.search.query_files import Asked
from retrieval.search.results import SearchResult
from retrieval.search.search import search_read

#: Queries embedded and searched together; an interruption loses at most so many.
BATCH = 32


class BatchEntry(Value):
    """One query of a file with its result, or why there is none."""

    number: int
    name: str = ""
    query: str
    result: SearchResult | None = None
    error: str | None = None


class FailedQuery(Value):
    """A query that could not be answered."""

    number: int
    query: str
    error: str


class BatchSummary(Value):
    """What became of a file of queries."""

    schema_version: int = 1
    queries: int
    answered: int
    taken_over: int
    failed: tuple[FailedQuery, ...]
    output: str
    index: str
    dataset: str
    synthetic: bool
    encoder: str
    disclaimer: str = DISCLAIMER


def answer_queries(
    gallery: Gallery,
    asked: Sequence[Asked],
    parse: Callable[[str], Query],
    config: SearchConfig,
) -> Iterator[list[BatchEntry]]:
    """Yield the entries of ``BATCH`` queries after another; a query that fails says why.

    Args:
        gallery: Where to search.
        asked: The queries.
        parse: Turns what was typed into a query.
        config: Of every search.

    Raises:
        InputError: When ``where`` cannot be read.
        UnknownNameError: When no image is in the split.
    """
    # A wrong filter is no fault of any single query.
    gallery.index.count(config.split, config.where)
    left = iter(asked)
    while batch := list(islice(left, BATCH)):
        yield _answer(gallery, batch, parse, config)


def summarise(
    gallery: Gallery, entries: Sequence[BatchEntry], output: Path, *, taken_over: int
) -> BatchSummary:
    """Return what became of all queries."""
    description = gallery.index.description
    failed = [
        FailedQuery(number=entry.number, query=entry.query, error=entry.error)
        for entry in entries
        if entry.error is not None
    ]
    return BatchSummary(
        queries=len(entries),
        answered=len(entries) - len(failed),
        taken_over=taken_over,
        failed=tuple(failed),
        output=str(output),
        index=gallery.index.name,
        dataset=description.datasets,
        synthetic=description.synthetic,
        encoder=description.encoder.name,
    )


def journal_key(gallery: Gallery, queries: Path, way: str, config: SearchConfig) -> str:
    """Return what must stay the same for a journal to be gone on with."""
    description = gallery.index.description.model_dump_json()
    told = json.dumps([way, asdict(config), description])
    return hashlib.sha256(told.encode() + queries.read_bytes()).hexdigest()


class Journal:
    """The entries of an unfinished output file, one JSON object a line.

    Args:
        path: Where they are kept.
        key: See ``journal_key``; the first line.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.entries: dict[int, BatchEntry] = {}
        self._key = key

    @classmethod
    def start(cls, path: Path, key: str, *, resume: bool) -> Journal:
        """Return a new journal, or the one that was left behind.

        Raises:
            InputError: When one was left behind and ``resume`` is False, or it answers something
                else.
        """
        journal = cls(path, key)
        if path.exists():
            if not resume:
                raise InputError(
                    f"{path} holds answers of an interrupted search",
                    hint="--resume goes on with it; or delete it",
                )
            journal._load()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"key": key}) + "\n", encoding="utf-8")
        return journal

    def add(self, entries: Sequence[BatchEntry]) -> None:
        """Keep some more entries."""
        lines = "".join(entry.model_dump_json() + "\n" for entry in entries)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(lines)
        self.entries.update((entry.number, entry) for entry in entries)

    def _load(self) -> None:
        """Read what is whole; a last line that was cut off is dropped."""
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        first, *lines = whole.splitlines() or [b""]
        if first != json.dumps({"key": self._key}).encode():
            raise InputError(
                f"{self.path} answers other queries, or with another index or other settings",
                hint="give the command that was interrupted; or delete it",
            )
        try:
            for line in lines:
                entry = BatchEntry.model_validate_json(line)
                self.entries[entry.number] = entry
        except ValidationError as error:
            raise InputError(f"{self.path} is damaged", hint="delete it") from error
        if whole != data:
            with self.path.open("r+b") as stream:
                stream.truncate(len(whole))


def _answer(
    gallery: Gallery, batch: Sequence[Asked], parse: Callable[[str], Query], config: SearchConfig
) -> list[BatchEntry]:
    read: list[tuple[Asked, ReadQuery]] = []
    entries: list[BatchEntry] = []
    for asked in batch:
        query = None
        try:
            query = parse(asked.text)
            read.append((asked, read_query(gallery.index, query, config)))
        except MedxError as error:
            shown = shown_query(query) if query else shown_text(asked.text)
            entries.append(_failed(asked, shown, error))
    try:
        entries += _search(gallery, read, config)
    except InputError:  # one of them; each alone says which
        for one in read:
            try:
                entries += _search(gallery, [one], config)
            except InputError as error:
                entries.append(_failed(one[0], one[1].shown, error))
    return sorted(entries, key=lambda entry: entry.number)


def _search(
    gallery: Gallery, read: Sequence[tuple[Asked, ReadQuery]], config: SearchConfig
) -> list[BatchEntry]:
    if not read:
        return []
    queries = [query for _, query in read]
    answers = search_read(gallery.index, lambda: gallery.encoder, queries, config)
    return [
        BatchEntry(
            number=asked.number, name=asked.name, query=answer.result.query, result=answer.result
        )
        for (asked, _), answer in zip(read, answers, strict=True)
    ]


def _failed(asked: Asked, shown: str, error: MedxError) -> BatchEntry:
    reason = str(error).partition("\n")[0]
    return BatchEntry(number=asked.number, name=asked.name, query=shown, error=reason)
