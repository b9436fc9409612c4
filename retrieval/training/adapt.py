"""Adapt an encoder to an archive: a small head over its frozen embeddings.

The head is trained with the supervised contrastive loss (Khosla et al. 2020) on the embeddings of
the train split that an index already holds. Epochs are judged by leave-one-out Precision@k within
the val split; no training at all is one of the candidates. The test split is not looked at.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field
from safetensors.numpy import save_file

from medx.core import settings
from medx.core.console import note, progress_bar, told_on_interrupt, warn
from medx.core.device import resolve_device, seed_everything
from medx.core.errors import InputError
from medx.core.files import atomic_path, write_text
from medx.core.runs import now
from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value
from retrieval.bootstrap import mean_interval
from retrieval.config import AdaptConfig
from retrieval.encoders.adapted import (
    ABOUT_FILE,
    AdaptedEncoder,
    AdapterDescription,
    adapted_name,
)
from retrieval.encoders.adapter_head import HEAD_FILE, AdapterHead
from retrieval.encoders.base import Embeddings, Encoder, Fingerprint
from retrieval.evaluation.image_queries import ImageQueries, groups_of, labelled, unit_of
from retrieval.evaluation.measures import Measure
from retrieval.evaluation.ranking import check_top_k
from retrieval.index.description import load_description
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.locate import DESCRIPTION_FILE, index_name
from retrieval.training.adapted_texts import TextChoice, choose_text_route
from retrieval.training.adapter_model import AdapterModel
from retrieval.training.adapter_training import train_adapter

HISTORY_FILE = "metrics.json"

Rows = npt.NDArray[np.int64]


class AdaptEpoch(Value):
    """One pass over the train split; epoch 0 is the encoder as it was."""

    epoch: int
    loss: float | None
    val_precision: float


class AdaptResult(Value):
    """``metrics.json`` of ``medx retrieve adapt``."""

    schema_version: int = 1
    folder: str
    index: str = Field(description="The index of the same images, adapted.")
    encoder: Fingerprint
    base: Fingerprint
    dataset: str
    synthetic: bool
    settings: dict[str, Any]
    train_images: int
    val_images: int
    top_k: int
    epochs: tuple[AdaptEpoch, ...]
    best_epoch: int
    val_before: Interval
    val_after: Interval
    val_gain: Interval
    val_chance: float
    text: TextChoice
    notes: tuple[str, ...] = ()
    seconds: float
    disclaimer: str = DISCLAIMER


@dataclass(frozen=True, eq=False)
class _Judge:
    """The val split, asking itself."""

    asked: ImageQueries
    embeddings: Embeddings
    groups: list[str] | None
    measure: Measure

    def values(self, head: AdapterHead | None) -> npt.NDArray[np.float64]:
        embeddings = head(self.embeddings) if head else self.embeddings
        return self.asked.answer(embeddings, embeddings, [self.measure]).values


def adapt_encoder(
    index: GalleryIndex, encoder: Encoder, folder: Path, config: AdaptConfig | None = None
) -> AdaptResult:
    """Train a head on the train split of ``index`` and write it into ``folder``.

    Args:
        index: Holds the embeddings, labels and splits.
        encoder: What made it.
        folder: Where to; afterwards ``--encoder adapted:FOLDER`` takes it.
        config: How.

    Raises:
        IndexMismatchError: When another encoder made the index.
        InputError: When train or val has too few labelled images or classes, or the index of the
            adapted images would take the place of another encoder's.
    """
    config = config or AdaptConfig()
    started = time.perf_counter()
    index.check_encoder(encoder)
    _check_free(_index_dir(index, folder), folder)
    train = _labelled_split(index, "train")
    judge = _judge(index, config)
    label_of = index.items.column("label")
    labels = [str(label_of[row]) for row in train]
    if len(set(labels)) < 2:
        raise InputError(
            "all train images have one label: there is nothing to tell apart",
            hint="adapt on an index whose train split has at least two labels",
        )
    with told_on_interrupt("interrupted: no encoder was made; run the command again"):
        best, epochs = _best_epoch(index.embeddings(train), labels, judge, config)
        before, after = judge.values(None), judge.values(best)
        judged = unit_of(judge.groups)
        gained = [
            mean_interval(values[:, 0], groups=judge.groups, unit=unit, seed=config.seed)
            for values, unit in ((before, judged), (after, judged), (after - before, None))
        ]
        text = choose_text_route(index, encoder, best, judge.asked.queries)
    notes = _notes(epochs, gained[2], text if encoder.supports_text else None)
    for message in notes:
        warn(message)
    with _whole_or_none(folder):
        _save(index, encoder, best, folder, config, text)
        adapted = AdaptedEncoder(folder, encoder)
        result = AdaptResult(
            folder=str(folder),
            index=_index_dir(index, folder).name,
            encoder=adapted.fingerprint,
            base=encoder.fingerprint,
            dataset=index.description.dataset,
            synthetic=index.description.synthetic,
            settings=asdict(config),
            train_images=len(train),
            val_images=len(judge.asked.queries),
            top_k=config.top_k,
            epochs=tuple(epochs),
            best_epoch=_best(epochs).epoch,
            val_before=gained[0],
            val_after=gained[1],
            val_gain=gained[2],
            val_chance=float(judge.asked.chance([judge.measure]).mean()),
            text=text,
            notes=tuple(notes),
            seconds=time.perf_counter() - started,
        )
        write_text(folder / HISTORY_FILE, result.model_dump_json(indent=2) + "\n")
        _save_index(index, adapted, best, folder)
    return result


@contextmanager
def _whole_or_none(folder: Path) -> Iterator[None]:
    """Take the encoder away again when the block fails, so that its name is free."""
    try:
        yield
    except BaseException:
        for name in (HEAD_FILE, ABOUT_FILE, HISTORY_FILE):
            (folder / name).unlink(missing_ok=True)
        raise


def _labelled_split(index: GalleryIndex, split: str) -> Rows:
    if split not in index.items.splits:
        raise InputError(
            f"index {index.name} holds no {split} split",
            hint="adapting needs train and val: see `medx data split`",
        )
    rows, _ = labelled(index.items, index.items.split_rows(split))
    if len(rows) < 2:
        raise InputError(
            f"the {split} split of {index.name} has fewer than two labelled images",
            hint=f"give the manifest labels, then: medx retrieve update {shlex.quote(index.name)}",
        )
    return rows


def _judge(index: GalleryIndex, config: AdaptConfig) -> _Judge:
    rows = _labelled_split(index, "val")
    asked = ImageQueries(index.items, rows, rows)
    check_top_k(config.top_k, int(asked.allowed.min()), index.name, "val")
    groups = groups_of(index.items, rows)
    return _Judge(asked, index.embeddings(rows), groups, Measure("precision", config.top_k))


def _best_epoch(
    embeddings: Embeddings, labels: list[str], judge: _Judge, config: AdaptConfig
) -> tuple[AdapterHead, list[AdaptEpoch]]:
    seed_everything(config.seed)
    device = resolve_device(config.device)
    model = AdapterModel(embeddings.shape[1], config).to(device)
    best = AdapterHead(model.arrays())
    first = AdaptEpoch(epoch=0, loss=None, val_precision=float(judge.values(None).mean()))
    epochs = [first]
    with progress_bar("adapting", config.epochs) as progress:
        for number, loss in enumerate(
            train_adapter(model, embeddings, labels, config, device), start=1
        ):
            head = AdapterHead(model.arrays())
            precision = float(judge.values(head).mean())
            if precision > _best(epochs).val_precision:
                best = head
            epochs.append(AdaptEpoch(epoch=number, loss=loss, val_precision=precision))
            said = f"loss {loss:.3f}, val P@{config.top_k} {precision:.3f}"
            progress.update(progress.task_ids[0], advance=1, status=said)
    note(f"best epoch {_best(epochs).epoch} of {config.epochs} by val P@{config.top_k}")
    return best, epochs


def _best(epochs: list[AdaptEpoch]) -> AdaptEpoch:
    return max(epochs, key=lambda e: (e.val_precision, -e.epoch))


def _save(
    index: GalleryIndex,
    encoder: Encoder,
    head: AdapterHead,
    folder: Path,
    config: AdaptConfig,
    text: TextChoice,
) -> None:
    about = AdapterDescription(
        base=encoder.fingerprint,
        base_weights=str(encoder.weights_folder) if encoder.weights_folder else None,
        head=config.head,
        text=text.route,
        text_reason=text.reason,
        dataset=index.description.dataset,
        synthetic=index.description.synthetic,
    )
    with atomic_path(folder / HEAD_FILE) as temporary:
        save_file(head.tensors, temporary)
    write_text(folder / ABOUT_FILE, about.model_dump_json(indent=2) + "\n")


def _index_dir(index: GalleryIndex, folder: Path) -> Path:
    return settings.index_dir() / index_name(index.description.dataset, adapted_name(folder))


def _check_free(index_dir: Path, folder: Path) -> None:
    """Raise ``InputError`` when an index that another encoder made is there."""
    if not (index_dir / DESCRIPTION_FILE).is_file():
        return
    held = load_description(index_dir)
    if held.encoder_weights != str(folder.resolve()):
        raise InputError(
            f"index {index_dir.name} is there already, by {held.encoder_weights or held.encoder}",
            hint="choose another --name, or an --output that ends in another name",
        )


def _save_index(
    index: GalleryIndex, adapted: AdaptedEncoder, head: AdapterHead, folder: Path
) -> None:
    """Put what is indexed through the head, so that no image is embedded again."""
    index_dir = _index_dir(index, folder)
    changes = {
        "name": index_dir.name,
        "encoder": adapted.fingerprint,
        "encoder_weights": str(adapted.weights_folder),
        "kind": "flat",
        "generation": 0,
        "segments": (),
        "created": now(),
    }
    description = index.description.model_copy(update=changes)
    GalleryIndex.from_embeddings(head(index.embeddings()), index.items, description).save(index_dir)


def _notes(epochs: list[AdaptEpoch], gain: Interval, text: TextChoice | None) -> list[str]:
    notes = []
    if _best(epochs).epoch == 0:
        notes.append("no epoch was better on val than the encoder as it was: the head does nothing")
    elif gain.low <= 0:
        notes.append("the gain on val is within its 95 % interval of none")
    if text is not None and text.route == "refused":
        notes.append(f"text queries are refused: {text.reason}")
    return notes
