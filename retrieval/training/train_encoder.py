"""Train the `compact` encoder: images and true texts together, images of one finding together.

Image–text contrast with several positives a row as in UniCL (Yang et al. 2022) plus supervised
contrast between images (Khosla et al. 2020). Trained on PneumoniaMNIST's train split, whose labels
become short texts, and on freshly rendered ``phantom-cxr`` images of other seeds than the dataset.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from medx.core.console import note, progress_bar, told_on_interrupt
from medx.core.device import resolve_device, seed_everything
from medx.core.errors import InputError
from medx.core.files import atomic_path, sha256_file, write_json
from medx.core.runs import load_json
from medx.core.settings import DISCLAIMER
from medx.core.training import (
    load_tensors,
    one_cycle,
    restore_training,
    save_tensors,
    training_tensors,
    update_average,
)
from medx.core.values import Value
from medx.datasets.augment import augment, seed_step
from medx.datasets.manifest import Dataset
from retrieval.config import TrainEncoderConfig
from retrieval.encoders.vocabulary import Vocabulary
from retrieval.training.batches import Batch, draw_batches, labelled_pool, phantom_pool
from retrieval.training.captions import all_words
from retrieval.training.compact_model import CompactArchitecture, CompactModel
from retrieval.training.contrast import contrast

WEIGHTS_FILE, ABOUT_FILE = "compact.safetensors", "compact.json"
STATE_FILE = "training.safetensors"
STEPS_A_STATE = 100
GRADIENT_NORM = 5.0


class TrainEncoderResult(Value):
    """What ``medx retrieve train-encoder --json`` says of the compact encoder."""

    schema_version: int = 1
    encoder: str = "compact"
    folder: str
    weights: str
    sha256: str
    dataset: str
    synthetic: bool = Field(description="Whether the labelled images are; phantoms always are.")
    settings: dict[str, Any]
    disclaimer: str = DISCLAIMER


def trained_result(path: Path, dataset: Dataset) -> TrainEncoderResult:
    """Return what was trained into the weights at ``path``."""
    return TrainEncoderResult(
        folder=str(path.parent),
        weights=str(path),
        sha256=sha256_file(path),
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        settings=load_json(path.parent / ABOUT_FILE)["training"],
    )


def train_encoder(
    config: TrainEncoderConfig, dataset: Dataset, folder: Path, *, resume: bool = False
) -> Path:
    """Train from scratch, write ``compact.safetensors`` and ``compact.json``; return the former.

    Args:
        config: What to do.
        dataset: Labelled radiographs; only its train split is read.
        folder: Where to.
        resume: Go on from the last state in ``folder``, kept every 100 steps, to the same end.

    Raises:
        InputError: When the state to resume is of other settings, or the dataset does not fit.
    """
    if resume and _is_finished(config, folder):
        note(f"already finished: {folder} holds an encoder of these settings")
        return folder / WEIGHTS_FILE
    kept = (
        f"interrupted; the state of every {STEPS_A_STATE} steps is kept in {folder}. "
        f"Go on with: medx retrieve train-encoder --resume --output {folder}"
    )
    with told_on_interrupt(kept):
        return _train(config, dataset, folder, resume=resume)


def _train(config: TrainEncoderConfig, dataset: Dataset, folder: Path, *, resume: bool) -> Path:
    seed_everything(config.seed)
    size = CompactArchitecture.image_size
    pools = [labelled_pool(dataset, size), phantom_pool(config, size)]
    captions = [caption for pool in pools for caption in pool.captions]
    vocabulary = Vocabulary.from_texts([*captions, *all_words()])
    architecture = CompactArchitecture(vocabulary_size=len(vocabulary))
    device = resolve_device(config.device)
    model = CompactModel(architecture).to(device).to(memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    state = folder / STATE_FILE
    start = _restore(state, config, model, average, optimizer) if resume else 0
    with progress_bar("training the encoder", config.steps) as progress:
        progress.advance(progress.task_ids[0], start)
        batches = draw_batches(config, pools, vocabulary, start=start)
        for step, batch in enumerate(batches, start=start):
            for group in optimizer.param_groups:
                group["lr"] = one_cycle(step, config.steps, config.learning_rate)
            seed_step(config.seed, 0, step)
            images = augment(batch.images.to(device), horizontal_flip=False).clamp(0.0, 1.0)
            loss = _loss(model, images, batch, config)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
            optimizer.step()
            update_average(average, model, config.ema_decay, step)
            progress.update(progress.task_ids[0], advance=1, status=f"loss {loss.item():.3f}")
            if (step + 1) % STEPS_A_STATE == 0:
                about = {"step": step + 1, "settings": asdict(config)}
                tensors = training_tensors(model, average, optimizer)
                save_tensors(state, tensors, metadata={"about": json.dumps(about)})
                note(f"step {step + 1}/{config.steps}: loss {loss.item():.3f}")
    path = save_compact(average, vocabulary, folder, training=asdict(config))
    state.unlink(missing_ok=True)
    return path


def save_compact(
    model: CompactModel, vocabulary: Vocabulary, folder: Path, *, training: dict[str, object]
) -> Path:
    """Write half-precision weights and everything needed to read them; return the weights' path."""
    path = folder / WEIGHTS_FILE
    tensors = {
        name: value.half().contiguous()
        for name, value in model.state_dict().items()
        if value.is_floating_point()
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)
    about = {
        "schema_version": 1,
        "architecture": asdict(model.architecture),
        "words": vocabulary.words,
        "training": training,
    }
    write_json(folder / ABOUT_FILE, about)
    return path


def _is_finished(config: TrainEncoderConfig, folder: Path) -> bool:
    whole = (folder / WEIGHTS_FILE).is_file() and (folder / ABOUT_FILE).is_file()
    if not whole or (folder / STATE_FILE).is_file():
        return False
    training = load_json(folder / ABOUT_FILE).get("training")
    return bool(training == json.loads(json.dumps(asdict(config))))


def _restore(
    state: Path,
    config: TrainEncoderConfig,
    model: CompactModel,
    average: CompactModel,
    optimizer: torch.optim.Optimizer,
) -> int:
    """Return the step to go on with; 0 when there is no state yet."""
    if not state.is_file():
        return 0
    tensors = load_tensors(state)
    with safe_open(state, framework="pt") as stream:
        about = json.loads((stream.metadata() or {}).get("about", "{}"))
    if about.get("settings") != json.loads(json.dumps(asdict(config))):
        raise InputError(
            f"{state} is of a training with other settings",
            hint="give the same settings, or start anew without --resume",
        )
    restore_training(tensors, model, average, optimizer)
    note(f"resuming after step {about['step']} of {config.steps}")
    return int(about["step"])


def _loss(model: CompactModel, images: Tensor, batch: Batch, config: TrainEncoderConfig) -> Tensor:
    images = images.contiguous(memory_format=torch.channels_last)
    image = functional.normalize(model.image(images), dim=1)  # (B, D)
    text = functional.normalize(model.text(batch.ids.to(image.device)), dim=1)
    true, undecided = batch.true.to(image.device), batch.undecided.to(image.device)
    logits = (text @ image.T) * model.log_scale.exp().clamp(max=50.0)
    logits = logits.masked_fill(undecided, -1e4)
    across = (contrast(logits, true) + contrast(logits.T, true.T)) / 2
    itself = torch.eye(len(image), dtype=torch.bool, device=image.device)
    similar = (image @ image.T / config.temperature).masked_fill(itself, -1e4)
    among = contrast(similar, batch.alike.to(image.device) & ~itself)
    return across + config.image_weight * among
