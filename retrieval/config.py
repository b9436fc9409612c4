"""Settings of the retrieval commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

AUTO = "auto"

#: What keeps an index: a folder that FAISS reads, or a Milvus.
BACKENDS = ("faiss", "milvus")

#: Shapes of an adapted encoder's head.
HEADS = ("mlp", "linear")


@dataclass(frozen=True, kw_only=True)
class GalleryConfig:
    """Which index to open, by name or by what it should hold.

    Args:
        index: Name or folder of an index; None takes that of ``dataset`` and ``encoder``.
        dataset: Name or folder; None takes the default dataset.
        data_dir: Where ``.npz`` datasets are searched first.
        encoder: ``auto`` or a registered name.
        weights: Folder with the encoder's weights.
        runtime: What computes the embeddings: ``auto``, ``torch``, ``onnx`` or ``openvino``.
        precision: ``fp32``, ``bf16`` or ``int8``; None takes that of the index.
        device: A ``--device`` value.
        batch_size: Images embedded at a time.
        backend: What keeps the index, one of ``BACKENDS``.
        uri: The address of a Milvus; None takes a file beside the other indexes.
    """

    index: str | None = None
    dataset: str | None = None
    data_dir: Path | None = None
    encoder: str = AUTO
    weights: Path | None = None
    runtime: str = AUTO
    precision: str | None = None
    device: str = AUTO
    batch_size: int = 64
    backend: str = BACKENDS[0]
    uri: str | None = None


@dataclass(frozen=True, kw_only=True)
class EmbedConfig:
    """What of a dataset ``embed_dataset`` embeds, and how.

    Args:
        split: The split that is embedded, or ``all``.
        limit: Only the first so many records.
        batch_size: Images embedded at a time; ``auto`` for what fits into memory.
        workers: Threads that decode, in each process; None for as many as suit the machine.
        shard_size: Images whose embeddings are written at a time: what a crash can lose.
    """

    split: str = "all"
    limit: int | None = None
    batch_size: int | str = AUTO
    workers: int | None = None
    shard_size: int = 512

    def __post_init__(self) -> None:
        sizes = {"shard_size": self.shard_size, "workers": self.workers}
        if self.batch_size != AUTO:
            sizes["batch_size"] = int(self.batch_size)
        for name, value in sizes.items():
            if value is not None and value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}")


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """What ``build_index`` records in ``index.json`` as its settings.

    Args:
        split: The split that is indexed, or ``all``.
        limit: Only the first so many records.
        batch_size: Images embedded at a time; ``auto`` for what fits into memory.
        kind: ``auto`` or a kind of index.
        memory_bytes: What ``auto`` may hold in memory; None is half of the machine's.
    """

    split: str = "all"
    limit: int | None = None
    batch_size: int | str = AUTO
    kind: str = AUTO
    memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """What a search looks among and what it returns.

    Args:
        top_k: How many hits.
        split: Only images of this split, or ``all``.
        where: Only images of which this condition on the index's columns holds.
        min_similarity: Only hits at least so similar to the query (cosine).
        dedup: Leave out hits with the very pixels of the query or of a better hit.
        dedup_above: Leave out hits that are at least so similar to one of those (cosine), too.
        diversity: How much unlike each other the hits shall be, 0 to 1 (maximal marginal
            relevance).
        ensemble: Average several templates around the words of a query.
        vote: Say which label the hits speak for.
        allow_url: Fetch query images from the web.
    """

    top_k: int = 10
    split: str = "all"
    where: str | None = None
    min_similarity: float | None = None
    dedup: bool = False
    dedup_above: float | None = None
    diversity: float = 0.0
    ensemble: bool = False
    vote: bool = False
    allow_url: bool = False

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ValueError(f"top_k must be >= 1, got {self.top_k}")
        if not 0 <= self.diversity <= 1:
            raise ValueError(f"diversity must be 0 to 1, got {self.diversity}")
        for name in ("min_similarity", "dedup_above"):
            value = getattr(self, name)
            if value is not None and not -1 <= value <= 1:
                raise ValueError(f"{name} must be -1 to 1, got {value}")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What ``evaluate_index`` measures.

    Args:
        split: Where the queries come from (and the gallery of leave-one-out and of text search).
        top_ks: The k of each measure at a k.
        errors: Most wrong nearest neighbours to list and show.
        kind: The kind of index that finds neighbours; None takes that of the index.
        seed: Seed of the bootstrap.
    """

    split: str = "test"
    top_ks: tuple[int, ...] = (1, 5, 10)
    errors: int = 12
    kind: str | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """How a small head is trained on the frozen embeddings of an encoder.

    Args:
        head: ``mlp`` adds a correction to each embedding, ``linear`` turns and stretches it.
        hidden: Width of the correction.
        dropout: Share of the hidden values left out in training.
        temperature: Of the contrast between images (Khosla et al. 2020).
        epochs: Passes over the train split; the best by val is kept, none of them included.
        batch_size: Embeddings a step, every class as often as any other.
        top_k: The k of the Precision@k that chooses the epoch.
    """

    head: str = "mlp"
    hidden: int = 256
    dropout: float = 0.1
    temperature: float = 0.3
    epochs: int = 20
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    top_k: int = 10
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}, got {self.head!r}")
        lowest = {"hidden": 1, "epochs": 1, "batch_size": 4, "top_k": 1, "seed": 0}
        for name, low in lowest.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")
        for name in ("temperature", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be >= 0 and < 1, got {self.dropout}")


@dataclass(frozen=True, kw_only=True)
class TrainClipConfig:
    """How an open_clip model learns from images and their captions, or their labels' names.

    Args:
        dataset: Its train split is learned from, its val split judges the epochs.
        start: Folder of the model to fine-tune; None starts from random weights.
        architecture: ``small``, or a JSON file with an open_clip model config; without ``start``.
        texts: ``text`` learns from that column, ``label`` from templates around the names of
            classes, ``auto`` from the former where every train image has one.
        epochs: Passes over the train split; the best by val is kept.
        batch_size: Images a step.
        learning_rate: Its highest value; None is 5e-4 from random weights and 1e-5 in fine-tuning.
        warm_up: Share of all steps until it is reached.
        augmentation: Of ``medx.datasets.augment``; None goes by the modality.
    """

    dataset: str = "pneumoniamnist"
    start: Path | None = None
    architecture: str = "small"
    texts: str = AUTO
    epochs: int = 10
    batch_size: int = 64
    learning_rate: float | None = None
    weight_decay: float = 0.1
    warm_up: float = 0.1
    augmentation: str | None = None
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.texts not in (AUTO, "text", "label"):
            raise ValueError(f"texts must be auto, text or label, got {self.texts!r}")
        for name, low in {"epochs": 1, "batch_size": 2, "seed": 0}.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be > 0, got {self.learning_rate}")
        if not 0 <= self.warm_up <= 1:
            raise ValueError(f"warm_up must be 0 to 1, got {self.warm_up}")


@dataclass(frozen=True, kw_only=True)
class TrainEncoderConfig:
    """How the `compact` encoder is trained.

    Args:
        dataset: Labelled radiographs; their train split gives images and label texts.
        phantoms: Synthetic radiographs rendered for training.
        phantom_seed: Their seed; not the built-in dataset's.
        steps: Optimiser steps.
        batch_size: Images a step, half labelled radiographs and half phantoms.
        temperature: Of the contrast between images.
        image_weight: Weight of that contrast beside the image–text one.
    """

    dataset: str = "pneumoniamnist"
    phantoms: int = 8000
    phantom_seed: int = 1000
    steps: int = 1000
    batch_size: int = 192
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    temperature: float = 0.2
    image_weight: float = 1.0
    ema_decay: float = 0.995
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        lowest = {"steps": 1, "batch_size": 4, "phantoms": 1, "seed": 0}
        for name, low in lowest.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")
        for name in ("temperature", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be >= 0 and < 1, got {self.ema_decay}")
