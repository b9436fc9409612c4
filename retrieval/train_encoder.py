"""Train the `compact` encoder: images and true texts together, images of one finding together.

Image–text contrast with several positives a row as in UniCL (Yang et al. 2022) plus supervised
contrast between images (Khosla et al. 2020). Trained on PneumoniaMNIST's train split, whose labels
become short texts, and on freshly rendered ``phantom-cxr`` images of other seeds than the dataset.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from medx.core.console import progress_bar
from medx.core.device import resolve_device, seed_everything
from medx.core.files import atomic_path, write_json
from medx.core.images import Pixels, resize
from medx.datasets.augment import augment, seed_step
from medx.datasets.manifest import Dataset
from medx.datasets.phantoms.cxr import PhantomConfig, generate_phantoms
from retrieval.captions import Facts, all_words, finding_of, match, write_text
from retrieval.compact_model import CompactArchitecture, CompactModel
from retrieval.config import TrainEncoderConfig
from retrieval.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Pool:
    """Images of one origin with what is known of them.

    Args:
        pixels: ``uint8`` ``(N, S, S)``.
        facts: N facts.
        captions: N whole captions, or empty strings.
    """

    pixels: Pixels
    facts: tuple[Facts, ...]
    captions: tuple[str, ...]

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """Return ``count`` rows, each finding as often as any other."""
        findings, inverse = np.unique([f.finding for f in self.facts], return_inverse=True)
        weights = 1.0 / np.bincount(inverse)[inverse] / len(findings)
        return rng.choice(len(self.facts), count, p=weights)


def train_encoder(config: TrainEncoderConfig, dataset: Dataset, folder: Path) -> Path:
    """Train from scratch and write ``compact.safetensors`` and ``compact.json`` into ``folder``.

    Args:
        config: What to do.
        dataset: Labelled radiographs; only its train split is read.
        folder: Where to.
    """
    seed_everything(config.seed)
    size = CompactArchitecture.image_size
    pools = [_labelled_pool(dataset, size), _phantom_pool(config, size)]
    words = all_words() | {
        w for p in pools for c in p.captions for w in Vocabulary.from_texts([c]).words
    }
    vocabulary = Vocabulary(tuple(sorted(words)))
    architecture = CompactArchitecture(vocabulary_size=len(vocabulary))
    device = resolve_device(config.device)
    model = CompactModel(architecture).to(device).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=config.learning_rate, total_steps=config.steps, pct_start=0.15
    )
    with progress_bar("training the encoder", config.steps) as progress:
        for step, batch in enumerate(_batches(config, pools, vocabulary)):
            seed_step(config.seed, 0, step)
            images = augment(batch.images.to(device), horizontal_flip=False).clamp(0.0, 1.0)
            loss = _loss(model, images, batch, config)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            _average(averaged, model, min(config.ema_decay, (step + 1) / (step + 10)))
            progress.update(progress.task_ids[0], advance=1, status=f"loss {loss.item():.3f}")
    return save_compact(averaged, vocabulary, folder, training=asdict(config))


def save_compact(
    model: CompactModel, vocabulary: Vocabulary, folder: Path, *, training: dict[str, object]
) -> Path:
    """Write half-precision weights and everything needed to read them; return the weights' path."""
    path = folder / "compact.safetensors"
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
    write_json(folder / "compact.json", about)
    return path


@dataclass(frozen=True, eq=False)
class _Batch:
    images: Tensor
    ids: Tensor
    true: Tensor
    undecided: Tensor
    alike: Tensor


def _batches(
    config: TrainEncoderConfig, pools: list[Pool], vocabulary: Vocabulary
) -> Iterator[_Batch]:
    for step in range(config.steps):
        rng = np.random.default_rng((config.seed, step))
        rows = [pool.draw(config.batch_size // len(pools), rng) for pool in pools]
        drawn = [(pool, i) for pool, chosen in zip(pools, rows, strict=True) for i in chosen]
        truths = [pool.facts[i] for pool, i in drawn]
        texts, claims = zip(*(_text(pool, i, rng) for pool, i in drawn), strict=True)
        true, undecided = match(list(claims), truths)
        origin = np.repeat(np.arange(len(pools)), [len(r) for r in rows])
        findings = np.array([facts.finding for facts in truths])
        alike = (findings[:, None] == findings) & (origin[:, None] == origin)
        images = np.concatenate([p.pixels[r] for p, r in zip(pools, rows, strict=True)])
        yield _Batch(
            images=torch.from_numpy(images)[:, None].float() / 255.0,
            ids=torch.from_numpy(vocabulary.encode(texts)),
            true=torch.from_numpy(true),
            undecided=torch.from_numpy(undecided),
            alike=torch.from_numpy(alike),
        )


def _text(pool: Pool, row: int, rng: np.random.Generator) -> tuple[str, Facts]:
    if pool.captions[row] and rng.random() < 0.35:
        return pool.captions[row], pool.facts[row]
    return write_text(pool.facts[row], rng)


def _loss(model: CompactModel, images: Tensor, batch: _Batch, config: TrainEncoderConfig) -> Tensor:
    images = images.contiguous(memory_format=torch.channels_last)
    image = functional.normalize(model.image(images), dim=1)  # (B, D)
    text = functional.normalize(model.text(batch.ids.to(image.device)), dim=1)
    true, undecided = batch.true.to(image.device), batch.undecided.to(image.device)
    logits = (text @ image.T) * model.log_scale.exp().clamp(max=50.0)
    logits = logits.masked_fill(undecided, -1e4)
    across = (_contrast(logits, true) + _contrast(logits.T, true.T)) / 2
    itself = torch.eye(len(image), dtype=torch.bool, device=image.device)
    similar = (image @ image.T / config.temperature).masked_fill(itself, -1e4)
    among = _contrast(similar, batch.alike.to(image.device) & ~itself)
    return across + config.image_weight * among


def _contrast(logits: Tensor, positive: Tensor) -> Tensor:
    """Return the mean over rows of the mean log-likelihood of their positives, negated."""
    log_probs = logits.log_softmax(1)
    count = positive.sum(1)
    rows = -(log_probs * positive).sum(1) / count.clamp(min=1)
    return rows[count > 0].mean()


@torch.no_grad()
def _average(averaged: CompactModel, model: CompactModel, decay: float) -> None:
    for kept, value in zip(
        averaged.state_dict().values(), model.state_dict().values(), strict=True
    ):
        if kept.is_floating_point():
            kept.lerp_(value, 1.0 - decay)
        else:
            kept.copy_(value)


def _labelled_pool(dataset: Dataset, size: int) -> Pool:
    loaded = dataset.split("train").load_pixels(size)
    facts = tuple(Facts(finding=finding_of(str(record.label))) for record in loaded.records)
    return Pool(loaded.pixels, facts, ("",) * len(facts))


def _phantom_pool(config: TrainEncoderConfig, size: int) -> Pool:
    phantoms = PhantomConfig(count=config.phantoms, size=128, seed=config.phantom_seed)
    pixels, facts, captions = [], [], []
    with progress_bar("rendering phantoms", config.phantoms) as progress:
        for phantom in generate_phantoms(phantoms):
            pixels.append(resize(phantom.image, size))
            found = phantom.findings[0] if phantom.findings else None
            facts.append(
                Facts(finding=found.name, side=found.side, zone=found.zone, size=found.size)
                if found
                else Facts(finding="normal")
            )
            captions.append(phantom.caption)
            progress.advance(progress.task_ids[0])
    return Pool(np.stack(pixels), tuple(facts), tuple(captions))
