"""The networks of a training run: what each learns from, and how they become one."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax
from torch import Tensor

from classify.checkpoint import WEIGHTS_FILE
from classify.config import TrainConfig
from classify.data import ImageSet
from classify.inference import compute_logits
from classify.model import Ensemble, Network
from classify.results import Epoch, Member, ProbeFit
from classify.training.learner import TrainingData
from classify.training.linear_probe import blank_network
from classify.training.shifted import COPIES, shifted_copy
from classify.training.state import Progress
from medx.core.console import note
from medx.core.content_hash import content_hash
from medx.core.device import resolve_device
from medx.core.errors import InputError
from medx.core.training import load_tensors, save_tensors
from medx.datasets.split.assign import assign_units, build_units
from medx.datasets.split.units import find_units

MEMBERS_FOLDER = "members"
VAL_BATCH = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """The networks of a run as one, and what it is to be calibrated on.

    Args:
        network: One network or an ``Ensemble``, on its device.
        mean: By channel.
        std: By channel.
        judged: Images to choose calibration and threshold on: val; or, with folds, all of train
            and val.
        logits: ``(N, C)``, of ``judged``: the network's own for val; with folds the logarithms of
            the probabilities of the one member that did not learn from the image.
        shifted: ``(copies, N, C)``, of shifted copies of ``judged``; None where no threshold needs
            them.
        members: What came of each.
        history: Every epoch of every member.
        probe: Penalties that a linear probe tried.
    """

    network: Network
    mean: Tensor
    std: Tensor
    judged: ImageSet
    logits: npt.NDArray[np.float32]
    members: tuple[Member, ...]
    history: tuple[Epoch, ...]
    shifted: npt.NDArray[np.float32] | None = None
    probe: tuple[ProbeFit, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.mean.device


def member_seed(seed: int, member: int) -> int:
    """Return the seed of one member: the run's own for the first, unrelated ones for others."""
    if member == 0:
        return seed
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


def member_dir(run_dir: Path, config: TrainConfig, member: int) -> Path:
    """Return where a member's weights and state are while the run goes on."""
    return run_dir if config.members == 1 else run_dir / MEMBERS_FOLDER / str(member)


def split_members(config: TrainConfig, data: TrainingData) -> list[TrainingData]:
    """Return what each member learns from and is judged on.

    Raises:
        InputError: When a fold would lack a class.
    """
    if config.train_on == "train":
        return [data] * config.members
    pool = pool_images(data)
    folds = assign_folds(pool, config.members, seed=config.seed)
    parts = [
        replace(data, train=_rows(pool, folds != member), val=_rows(pool, folds == member))
        for member in range(config.members)
    ]
    for part in parts:
        held = Counter(part.val.target.tolist())
        if len(held) < len(set(pool.target.tolist())):
            raise InputError(
                f"{config.members} folds are too many: one would lack a class",
                hint="take fewer members, or --set train_on=train",
            )
    return parts


def pool_images(data: TrainingData) -> ImageSet:
    """Return train and val as one."""
    return ImageSet(
        pixels=torch.cat([data.train.pixels, data.val.pixels]),
        target=torch.cat([data.train.target, data.val.target]),
        records=data.train.records + data.val.records,
        skipped=data.train.skipped + data.val.skipped,
    )


def assign_folds(images: ImageSet, folds: int, *, seed: int) -> Tensor:
    """Return the fold of each image ``(N,)``: of equal size and like mix of classes.

    Images of one patient stay together, and so do those that are equal at this size.
    """
    hashes = {
        record.id: content_hash(pixels.numpy())
        for record, pixels in zip(images.records, images.pixels, strict=True)
    }
    owners = find_units(images.records, hashes)
    units = build_units(images.records, owners, stratify=True)
    if len(units) < folds:
        raise InputError(
            f"{len(units)} patients or pictures cannot fill {folds} folds",
            hint="take fewer members, or --set train_on=train",
        )
    sides = assign_units(units, [1 / folds] * folds, seed=seed)
    return torch.tensor([sides[owner] for owner in owners])


def gather(
    config: TrainConfig,
    run_dir: Path,
    data: TrainingData,
    parts: list[TrainingData],
    progress: list[Progress],
) -> Trained:
    """Make one network of the members' kept weights, write it, and judge it."""
    device = torch.device(resolve_device(config.device))
    mean, std = (torch.tensor(v, dtype=torch.float32, device=device) for v in data.statistics)
    networks = []
    for member in range(config.members):
        network = blank_network(config, data)
        folder = member_dir(run_dir, config, member)
        network.load_state_dict(load_tensors(folder / WEIGHTS_FILE))
        networks.append(network.to(device, memory_format=torch.channels_last).eval())  # type: ignore[call-overload]
    joined: Network = networks[0] if config.members == 1 else Ensemble(networks).eval()
    if config.members > 1:
        save_tensors(run_dir / WEIGHTS_FILE, joined.state_dict())

    judged, folds = data.val, None
    if config.train_on == "folds":
        judged = pool_images(data)
        folds = assign_folds(judged, config.members, seed=config.seed)

    def logits_of(network: Network, pixels: Tensor) -> npt.NDArray[np.float32]:
        return compute_logits(
            network, pixels, mean=mean, std=std, tta=config.tta, batch_size=VAL_BATCH
        )

    def judge(pixels: Tensor) -> npt.NDArray[np.float32]:
        if folds is None:
            return logits_of(joined, pixels)
        logits = np.empty((len(pixels), len(data.classes)), np.float32)
        for member, network in enumerate(networks):
            own = folds == member
            # On the scale of the ensemble's answers: a scale a class is no matter of ratios alone.
            logits[own.numpy()] = log_softmax(logits_of(network, pixels[own]), axis=1)
        return logits

    shifted = None
    if config.threshold_on == "shifted-val" and len(data.classes) == 2:
        note("judging copies of val as other scanners might take them, for the threshold")
        seeds = range(config.seed, config.seed + COPIES)
        shifted = np.stack([judge(shifted_copy(judged.pixels, seed=seed)) for seed in seeds])
    return Trained(
        network=joined,
        mean=mean,
        std=std,
        judged=judged,
        logits=judge(judged.pixels),
        shifted=shifted,
        members=tuple(
            _describe(config, member, *of)
            for member, of in enumerate(zip(parts, progress, strict=True))
        ),
        history=tuple(epoch for each in progress for epoch in each.history),
    )


def clear_members(run_dir: Path) -> None:
    """Remove what only an unfinished ensemble needs."""
    shutil.rmtree(run_dir / MEMBERS_FOLDER, ignore_errors=True)


def _describe(config: TrainConfig, member: int, part: TrainingData, progress: Progress) -> Member:
    return Member(
        seed=member_seed(config.seed, member),
        n_train=len(part.train),
        n_val=len(part.val),
        epochs_run=progress.epochs_done,
        best_epoch=progress.best_epoch,
        val_auroc=progress.history[progress.best_epoch - 1].val_auroc,
    )


def _rows(images: ImageSet, mask: Tensor) -> ImageSet:
    return ImageSet(
        pixels=images.pixels[mask],
        target=images.target[mask],
        records=tuple(r for r, kept in zip(images.records, mask.tolist(), strict=True) if kept),
        skipped=(),
    )
