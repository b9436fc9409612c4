"""A model card (Mitchell et al. 2019) made of what a train run holds, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from classify.checkpoint import ModelDescription, load_description
from classify.ledger import read_ledger
from classify.results import EvaluationResult, TrainResult
from classify.training.data_facts import FACTS_FILE, DataFacts, save_data_facts
from medx.core.errors import CheckpointError
from medx.core.files import safe_name, write_json, write_text
from medx.core.runs import load_config, load_json
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.datasets.manifest import Dataset

CARD_FILE, PAGE_FILE = "MODEL_CARD.md", "MODEL_CARD.html"
EVALUATIONS_FOLDER = "evaluations"

T = TypeVar("T")


class ModelCard(Value):
    """Everything a model card says."""

    schema_version: int = 1
    run_dir: str
    name: str
    card: str = Field(description="The card as Markdown.")
    page: str = Field(description="The card as HTML.")
    model: ModelDescription
    training: TrainResult | None
    data: DataFacts | None
    settings: dict[str, Any] = Field(description="config.yaml of the run.")
    environment: dict[str, Any]
    evaluations: list[EvaluationResult] = Field(description="Oldest first.")
    ledger: list[dict[str, Any]] = Field(description="Every look at a test split.")
    missing: list[str] = Field(description="What the run does not hold, in words.")
    disclaimer: str = DISCLAIMER


def start_card(run_dir: Path, dataset: Dataset) -> None:
    """Keep what is known about the data of a finished training, and write its card."""
    save_data_facts(run_dir, dataset)
    save_card(run_dir)


def add_evaluation(run_dir: Path, result: EvaluationResult) -> None:
    """Keep an evaluation in the train run that it is of, and write the card anew."""
    name = safe_name(f"{result.dataset}-{result.split}-{Path(result.run_dir).resolve().name}")
    write_json(run_dir / EVALUATIONS_FOLDER / f"{name}.json", result.model_dump())
    save_card(run_dir)


def save_card(run_dir: Path) -> ModelCard:
    """Write ``MODEL_CARD.md`` and ``MODEL_CARD.html`` into a finished train run.

    Raises:
        CheckpointError: When the run holds no model.
    """
    from classify.card.page import render_html, render_markdown  # it builds on this module

    card = read_card(run_dir)
    write_text(run_dir / CARD_FILE, render_markdown(card))
    write_text(run_dir / PAGE_FILE, render_html(card))
    return card


def read_card(run_dir: Path) -> ModelCard:
    """Gather a card from the files of a train run; what is not there is said to be missing.

    Raises:
        CheckpointError: When the run holds no model, or its ledger is damaged.
    """
    missing: list[str] = []

    def kept(what: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (CheckpointError, ValidationError) as error:
            reason = "of another version" if isinstance(error, ValidationError) else str(error)
            missing.append(f"{what}: {reason.replace(f'{run_dir}/', '')}")
            return None

    found = [
        kept(f"evaluation {path.stem}", lambda path=path: _read(EvaluationResult, path))  # type: ignore[misc]
        for path in _oldest_first(run_dir / EVALUATIONS_FOLDER)
    ]
    evaluations = [evaluation for evaluation in found if evaluation is not None]
    if not evaluations:
        missing.append("evaluations: none was made yet (medx classify evaluate)")
    return ModelCard(
        run_dir=str(run_dir),
        name=run_dir.resolve().name,
        card=str(run_dir / CARD_FILE),
        page=str(run_dir / PAGE_FILE),
        model=load_description(run_dir),
        training=kept("figures of training", lambda: _read(TrainResult, run_dir / "metrics.json")),
        data=kept("facts about the data", lambda: _read(DataFacts, run_dir / FACTS_FILE)),
        settings=kept("settings", lambda: load_config(run_dir)) or {},
        environment=kept("environment", lambda: load_json(run_dir / "environment.json")) or {},
        evaluations=evaluations,
        ledger=read_ledger(run_dir),
        missing=missing,
    )


def _read(kind: Callable[..., T], path: Path) -> T:
    return kind(**load_json(path))


def _oldest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"), key=lambda path: (path.stat().st_mtime, path.name))
