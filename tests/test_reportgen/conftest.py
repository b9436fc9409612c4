"""Evidence, scripted engines and a tiny checkpoint with MedGemma's architecture."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
import pytest
from random_medgemma import write_medgemma

from medx.core.values import Hit, Prediction
from reportgen.config import ReportConfig
from reportgen.engines.base import Engine, Generation, GenerationRequest
from reportgen.engines.choose import ChosenEngine
from reportgen.evidence import Evidence
from reportgen.item import ReportItem
from reportgen.prompt import render_prompt
from reportgen.strategies import STRATEGIES


def build_prediction(label="pneumonia", probability=0.87, **changes) -> Prediction:
    values = {
        "id": "case-1",
        "probabilities": {"normal": 1 - probability, "pneumonia": probability},
        "label": label,
        "operating_point": 0.43,
        "classifier": "toy",
    }
    return Prediction(**{**values, **changes})


def build_hits(*labels: str | None) -> list[Hit]:
    return [
        Hit(rank=i, id=f"train-{i}", similarity=1 - i / 20, label=label, split="train")
        for i, label in enumerate(labels, start=1)
    ]


def build_evidence(**changes) -> Evidence:
    values = {
        "image_id": "case-1",
        "dataset": "toy",
        "modality": "chest radiograph",
        "image_size": (28, 28),
        "prediction": build_prediction(),
        "neighbours": build_hits("pneumonia", "pneumonia", "normal", "pneumonia"),
    }
    return Evidence(**{**values, **changes})


def build_items(count: int, **changes) -> list[ReportItem]:
    rng = np.random.default_rng(0)
    return [
        ReportItem(
            evidence=build_evidence(image_id=f"case-{i}", **changes),
            pixels=rng.integers(0, 256, (28, 28), dtype=np.uint8),
            reference_label="normal",
        )
        for i in range(count)
    ]


class ScriptedEngine(Engine):
    """Gives the replies of a queue; an exception in the queue is raised."""

    name = "scripted"

    def __init__(self, *replies, config: ReportConfig | None = None) -> None:
        super().__init__(config or ReportConfig())
        self.replies = deque(replies)
        self.requests = []

    def generate(self, request):
        self.requests.append(request)
        reply = self.replies.popleft() if self.replies else "FINDINGS: x [P1]\nIMPRESSION: y"
        if isinstance(reply, BaseException):
            raise reply
        return Generation(text=reply, tokens=3)


@pytest.fixture
def make_prediction():
    return build_prediction


@pytest.fixture
def make_hits():
    return build_hits


@pytest.fixture
def make_evidence():
    return build_evidence


@pytest.fixture
def make_items():
    return build_items


@pytest.fixture
def scripted():
    """Make a chosen engine that gives the replies it is handed, then a fixed one."""

    def build(*replies: str | BaseException, **config) -> ChosenEngine:
        engine = ScriptedEngine(*replies, config=ReportConfig(**config))
        return ChosenEngine(engine=engine, reason="a test")

    return build


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch) -> Path:
    """An empty hub cache: what this machine has must not decide a test."""
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_medgemma(tmp_path_factory) -> Path:
    """A folder named like the first MedGemma."""
    return write_medgemma(tmp_path_factory.mktemp("weights") / "medgemma-4b-it")


@pytest.fixture
def strategies():
    """The built-in strategies by name."""
    return {name: STRATEGIES.load(name) for name in STRATEGIES}


@pytest.fixture
def make_request(strategies):
    """Make a request from evidence and pixels."""

    def build(evidence=None, pixels=None, *, strategy="concise", max_new_tokens=20, schema=None):
        evidence = evidence or build_evidence()
        return GenerationRequest(
            prompt=render_prompt(strategies[strategy], evidence, schema=schema),
            pixels=np.zeros((28, 28), np.uint8) if pixels is None else pixels,
            evidence=evidence,
            strategy=strategies[strategy],
            max_new_tokens=max_new_tokens,
            schema=schema,
        )

    return build
