"""Settings of ``medx report generate``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What to report on, how to ask, and what writes.

    Args:
        dataset: A dataset name or folder; None takes the default dataset.
        limit: Look only at the first N records of the split.
        strategies: Names of prompt strategies; every one reports on the same images.
        num_samples: How many images.
        engine: ``auto``, or a name in ``ENGINES``.
        model: Hub id, also with ``@REVISION``, or local folder of the model; None takes whichever
            MedGemma is at hand.
        weights: Local folder that holds the weights of ``model``.
        seed: Seed of the choice of images.
        max_new_tokens: Tokens a report may take; None leaves it to strategy and model.
        run: Train run of the classifier; None takes the latest of the dataset.
        index: Index of the neighbours; None takes the dataset's.
        backend: What keeps that index: ``faiss`` or ``milvus``.
        uri: The address of a Milvus; None takes a file beside the other indexes.
        images: What is reported on instead of the split, by names that name no patient.
        base_url: OpenAI-compatible server; None takes MEDX_OPENAI_BASE_URL, else port 8000 here.
        concurrency: Requests in flight at a server.
        timeout: Seconds a server may take for one report.
        free_text: Ask for text under headings, also where an engine could answer in JSON.
        allow_unlike: Report also on images that no report should be written on, and say so.
        pdf: Write each report as PDF, too.
        batch_size: Reports that a model on this machine writes at once.
        quantise: ``4bit`` compresses such a model's weights; None leaves them as they are.
    """

    dataset: str | None = None
    split: str = "test"
    limit: int | None = None
    strategies: tuple[str, ...] = ("structured",)
    num_samples: int = 10
    engine: str = "auto"
    model: str | None = None
    weights: str | None = None
    device: str = "auto"
    seed: int = 0
    max_new_tokens: int | None = None
    run: str | None = None
    index: str | None = None
    backend: str = "faiss"
    uri: str | None = None
    images: tuple[str, ...] | None = None
    base_url: str | None = None
    concurrency: int = 8
    timeout: float = 600.0
    free_text: bool = False
    allow_unlike: bool = False
    pdf: bool = False
    batch_size: int = 4
    quantise: str | None = None

    def __post_init__(self) -> None:
        for name in ("num_samples", "max_new_tokens", "limit", "concurrency", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}")
        if self.quantise not in (None, "4bit"):
            raise ValueError(f"quantise must be '4bit' or None, got {self.quantise!r}")
        if not self.timeout > 0:
            raise ValueError(f"timeout must be > 0, got {self.timeout}")
        if not self.strategies:
            raise ValueError("strategies must name at least one strategy")
