"""Which models there are and which are on this machine."""

from __future__ import annotations

from pathlib import Path

from medx.core.hub import hub_cache
from medx.core.models.catalogue import CATALOGUE, LIBRARIES, MAIN, Model
from medx.core.values import Value


class ModelEntry(Value):
    """One model of the catalogue; ``folder`` is None when its weights are not here."""

    name: str
    summary: str
    repository: str
    revision: str
    pinned: bool
    megabytes: int | None
    gated: bool
    licence: str
    used_by: str
    folder: str | None


class ModelListing(Value):
    """What ``medx models list`` shows."""

    schema_version: int = 1
    hub_cache: str
    models: tuple[ModelEntry, ...]
    also: tuple[str, ...]


def list_models() -> ModelListing:
    """Return the models of the catalogue, each with the folder of its weights where they are."""
    return ModelListing(
        hub_cache=str(hub_cache()),
        models=tuple(_entry(model, model.find()) for model in CATALOGUE.values()),
        also=tuple(LIBRARIES.values()),
    )


def _entry(model: Model, folder: Path | None) -> ModelEntry:
    return ModelEntry(
        name=model.name,
        summary=model.summary,
        repository=model.repository,
        revision=model.revision,
        pinned=model.revision != MAIN,
        megabytes=model.megabytes,
        gated=model.gated,
        licence=model.licence,
        used_by=model.used_by,
        folder=str(folder) if folder else None,
    )
