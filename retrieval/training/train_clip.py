"""Train or fine-tune an open_clip model on captions, or on texts made of labels.

Image-text contrast with several positives a row (UniCL, Yang et al. 2022): a text is true of every
image of the same caption or label. Epochs are judged by how well val texts find val images; the
best one stands in the folder at any moment. The test split is not looked at.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from torch import Tensor, nn

from medx.core.console import note, progress_bar, told_on_interrupt, warn
from medx.core.device import resolve_device, seed_everything
from medx.core.errors import InputError
from medx.core.files import make_dir, write_text
from medx.core.training import (
    load_tensors,
    restore_training,
    save_tensors,
    training_tensors,
    warm_cosine,
)
from medx.core.words import many
from medx.datasets.augment import apply_augmentation, choose_augmentation, seed_step
from medx.datasets.manifest import Dataset
from retrieval.config import TrainClipConfig
from retrieval.evaluation.metrics import average_precision
from retrieval.index.origin import dataset_digest
from retrieval.training.captioned import Captioned, caption_split, settle_source
from retrieval.training.clip_model import WEIGHTS_FILE, build_clip, load_clip
from retrieval.training.clip_results import ClipEpoch, TrainClipResult
from retrieval.training.contrast import contrast
from retrieval.training.image_reader import ImageReader

STATE_FILE, ABOUT_FILE = "training.safetensors", "training.json"
GRADIENT_NORM = 1.0
LARGEST_SCALE = 100.0
#: Val images looked at after each epoch.
VAL_MOST = 2000
FROM_SCRATCH_RATE, FINE_TUNING_RATE = 5e-4, 1e-5


def train_clip(
    config: TrainClipConfig, dataset: Dataset, folder: Path, *, resume: bool = False
) -> TrainClipResult:
    """Train, keep the best epoch in ``folder`` as an open_clip folder, and return how it went.

    Args:
        config: What to do.
        dataset: Needs a train and a val split with captions or labels.
        folder: Where to; afterwards ``--weights FOLDER`` takes it.
        resume: Go on after the last whole epoch in ``folder``, to the same end.

    Raises:
        InputError: When ``folder`` holds another training, or the dataset does not fit.
        WeightsUnavailableError: When the model to start from cannot be read.
    """
    _check_folder(config, folder, resume=resume)
    about = folder / ABOUT_FILE
    if resume and about.is_file():
        done = TrainClipResult.model_validate_json(about.read_bytes())
        if done.finished and done.settings == _settings(config, dataset):
            note(f"already finished: {folder} holds a model of these settings")
            return done
    kept = (
        f"interrupted; the state of every epoch and the best one are kept in {folder}. Go on with "
        f"the same command and --resume"
    )
    with told_on_interrupt(kept):
        return _Training(config, dataset, folder).run(resume=resume)


class _Training:
    def __init__(self, config: TrainClipConfig, dataset: Dataset, folder: Path) -> None:
        self.config, self.dataset, self.folder = config, dataset, folder
        seed_everything(config.seed)
        source = settle_source(dataset, config.texts)
        self.train = caption_split(dataset, "train", source)
        self.val = _some(caption_split(dataset, "val", source), VAL_MOST)
        device = resolve_device(config.device)
        make_dir(folder)
        self.clip = (
            load_clip(config.start, device)
            if config.start
            else build_clip(config.architecture, device)
        )
        self.reader = ImageReader(dataset, self.clip, device)
        self.augmentation, why = choose_augmentation(
            config.augmentation, dataset.modality, colour=dataset.colour
        )
        note(f"learning from each image's {source}; augmentation {self.augmentation} ({why})")
        usual = FINE_TUNING_RATE if config.start else FROM_SCRATCH_RATE
        self.rate = config.learning_rate or usual
        self.optimizer = torch.optim.AdamW(
            self.clip.network.parameters(), lr=self.rate, weight_decay=config.weight_decay
        )
        self.epochs: list[ClipEpoch] = []

    def run(self, *, resume: bool) -> TrainClipResult:
        """Train all epochs that are left."""
        if not (resume and self._restore()):
            self._judge(0, None)
        total = self.config.epochs
        with progress_bar("training the encoder", total) as progress:
            progress.advance(progress.task_ids[0], len(self.epochs) - 1)
            for epoch in range(len(self.epochs), total + 1):
                self._judge(epoch, self._train_epoch(epoch))
                latest = self.epochs[-1]
                said = f"val loss {latest.val_loss:.3f}, val mAP {latest.val_map:.3f}"
                progress.update(progress.task_ids[0], advance=1, status=said)
                note(f"epoch {epoch}/{total}: loss {latest.loss:.3f}, {said}")
                self._save_state()
        (self.folder / STATE_FILE).unlink(missing_ok=True)
        if self.reader.skipped:
            warn(f"left out {many(len(self.reader.skipped), 'unreadable image')}")
        if self._best() == 0:
            warn("no epoch was better on val than the model as it was: that is what was kept")
        return self._write_about(finished=True)

    def _train_epoch(self, epoch: int) -> float:
        network, config = self.clip.network, self.config
        network.train()
        rng = np.random.default_rng((config.seed, epoch))
        order = rng.permutation(len(self.train))
        # A last batch of one image would have nothing to tell apart.
        parts = max(1, len(order) // config.batch_size)
        losses = []
        for step, rows in enumerate(np.array_split(order, parts)):
            done = (epoch - 1) * parts + step
            steps = config.epochs * parts
            for group in self.optimizer.param_groups:
                group["lr"] = warm_cosine(done, steps, self.rate, config.warm_up * steps)
            seed_step(config.seed, epoch, step)
            loss = self._loss(rows, rng)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
            self.optimizer.step()
            losses.append(loss.item())
        network.eval()
        return float(np.mean(losses))

    def _loss(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        images, kept = self.reader.read([self.train.records[row] for row in rows])
        rows = rows[kept]
        images = apply_augmentation(self.augmentation, images).clamp(0.0, 1.0)
        texts = self.clip.tokens(self.train.draw(rows, rng)).to(images.device)
        network = self.clip.network
        image = network.encode_image(self.reader.normalise(images), normalize=True)
        text = network.encode_text(texts, normalize=True)
        meanings = np.array([self.train.meanings[row] for row in rows])
        alike = torch.from_numpy(meanings[:, None] == meanings).to(images.device)
        logits = text @ image.T * network.logit_scale.exp().clamp(max=LARGEST_SCALE)
        return (contrast(logits, alike) + contrast(logits.T, alike.T)) / 2

    @torch.inference_mode()
    def _judge(self, epoch: int, loss: float | None) -> None:
        network, val = self.clip.network, self.val
        network.eval()
        images, meanings = [], []
        for start in range(0, len(val), self.config.batch_size):
            stop = start + self.config.batch_size
            pixels, kept = self.reader.read(list(val.records[start:stop]))
            images.append(network.encode_image(self.reader.normalise(pixels), normalize=True))
            meanings += [val.meanings[start + i] for i in kept]
        image = torch.cat(images)  # (N, D)
        texts = dict(zip(val.meanings, val.texts, strict=True))
        text = torch.cat(
            [
                network.encode_text(
                    self.clip.tokens(list(words)).to(image.device), normalize=True
                ).mean(0, keepdim=True)
                for words in texts.values()
            ]
        )
        text = nn.functional.normalize(text, dim=1)  # (M, D)
        true = np.array(list(texts))[:, None] == np.array(meanings)
        logits = text @ image.T * network.logit_scale.exp().clamp(max=LARGEST_SCALE)
        order = np.argsort(-logits.cpu().numpy(), axis=1, kind="stable")
        found = average_precision(np.take_along_axis(true, order, axis=1))
        alike = torch.from_numpy(true).to(image.device)
        val_loss = contrast(logits.T, alike.T).item()
        latest = ClipEpoch(
            epoch=epoch, loss=loss, val_loss=val_loss, val_map=float(np.nanmean(found))
        )
        self.epochs.append(latest)
        if self._best() == epoch:
            self.clip.save(self.folder)
        self._write_about(finished=False)

    def _best(self) -> int:
        # Two classes are soon told apart without a fault: then the loss decides.
        return max(self.epochs, key=lambda e: (e.val_map, -e.val_loss, -e.epoch)).epoch

    def _write_about(self, *, finished: bool) -> TrainClipResult:
        result = TrainClipResult(
            folder=str(self.folder),
            weights=str(self.folder / WEIGHTS_FILE),
            dataset=self.dataset.name,
            synthetic=self.dataset.synthetic,
            learned_from=self.train.source,
            train_images=len(self.train),
            val_images=len(self.val),
            settings=_settings(self.config, self.dataset),
            epochs=tuple(self.epochs),
            best_epoch=self._best(),
            skipped=dict(self.reader.skipped),
            finished=finished,
        )
        write_text(self.folder / ABOUT_FILE, result.model_dump_json(indent=2) + "\n")
        return result

    def _save_state(self) -> None:
        about = {
            "settings": _settings(self.config, self.dataset),
            "epochs": [epoch.model_dump() for epoch in self.epochs],
        }
        # The best weights are in the folder already: no average beside the network.
        tensors = training_tensors(self.clip.network, nn.Module(), self.optimizer)
        save_tensors(self.folder / STATE_FILE, tensors, metadata={"about": json.dumps(about)})

    def _restore(self) -> bool:
        """Return whether there was a state to go on with."""
        state = self.folder / STATE_FILE
        if not state.is_file():
            return False
        tensors = load_tensors(state)
        with safe_open(state, framework="pt") as stream:
            about = json.loads((stream.metadata() or {}).get("about", "{}"))
        if about.get("settings") != _settings(self.config, self.dataset):
            raise InputError(
                f"{state} is of a training with other settings or images",
                hint="give the same settings, or start anew in another folder",
            )
        restore_training(tensors, self.clip.network, nn.Module(), self.optimizer)
        self.epochs = [ClipEpoch(**epoch) for epoch in about["epochs"]]
        note(f"resuming after epoch {len(self.epochs) - 1} of {self.config.epochs}")
        return True


def _check_folder(config: TrainClipConfig, folder: Path, *, resume: bool) -> None:
    if config.start is not None and config.start.resolve() == folder.resolve():
        raise InputError("the model to start from would be overwritten", hint="name another folder")
    if not resume and (folder / WEIGHTS_FILE).is_file():
        raise InputError(
            f"{folder} already holds an open_clip model",
            hint="pass --resume, or name another --output",
        )


def _settings(config: TrainClipConfig, dataset: Dataset) -> dict[str, Any]:
    """Return all that the outcome depends on, as JSON holds it."""
    held = {**asdict(config), "images": dataset_digest(dataset)[:16]}
    return dict(json.loads(json.dumps(held, default=str)))


def _some(captioned: Captioned, most: int) -> Captioned:
    """Return at most so many records, drawn once and for all, in their order."""
    if len(captioned) <= most:
        return captioned
    rows = np.sort(np.random.default_rng(0).permutation(len(captioned))[:most])
    return Captioned(
        tuple(captioned.records[row] for row in rows),
        tuple(captioned.texts[row] for row in rows),
        tuple(captioned.meanings[row] for row in rows),
        captioned.source,
    )
