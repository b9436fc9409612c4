"""What a model card says, section by section; every number comes from the run's files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from classify.card.evaluations import write_evaluations
from classify.card.text import Block, Section, metric_table, say_decision
from classify.card.write import ModelCard
from classify.trust.ood import FLAGGED
from medx.core.settings import DISCLAIMER

UNKNOWN = "not recorded in this run"


def write_sections(card: ModelCard) -> list[Section]:
    """Return the card's sections, in the order of Mitchell et al. (2019)."""
    return [
        Section(title="Model", blocks=tuple(_model(card))),
        Section(title="Intended use", blocks=tuple(_intended_use(card))),
        Section(title="Data", blocks=tuple(_data(card))),
        Section(title="Training", blocks=tuple(_training(card))),
        Section(title="Decisions and calibration", blocks=tuple(_decisions(card))),
        Section(title="Figures on val", blocks=tuple(_val(card))),
        Section(title="Evaluations", blocks=tuple(write_evaluations(card.evaluations))),
        Section(title="Test ledger", blocks=tuple(_ledger(card))),
        Section(title="Unlike images", blocks=tuple(_unlike(card))),
        Section(title="Limits", blocks=tuple(_limits(card))),
        Section(title="Environment", blocks=tuple(_environment(card))),
        Section(title="Missing", blocks=(Block(items=tuple(card.missing or ["nothing"])),)),
    ]


def _model(card: ModelCard) -> Iterator[Block]:
    about, training = card.model, card.training
    yield _facts(
        (
            ("architecture", about.architecture),
            ("networks that answer together", about.members),
            ("parameters", f"{about.parameters:,}"),
            ("started from", about.initial_weights),
            ("encoder below", None if about.encoder is None else about.encoder.get("name")),
            ("input", f"{about.size} × {about.size}, {'RGB' if about.colour else 'grey'}"),
            ("views averaged", about.tta),
            ("classes", ", ".join(about.classes)),
            ("recipe", None if training is None else training.recipe),
            ("weights (SHA-256)", about.weights_sha256),
            ("made", card.environment.get("created", UNKNOWN)),
            ("made by", f"medx {_versions(card).get('medx', UNKNOWN)}"),
        )
    )


def _intended_use(card: ModelCard) -> Iterator[Block]:
    kind = (card.data.modality if card.data else "") or "the kind it was trained on"
    classes = ", ".join(card.model.classes)
    yield Block(text=f"{DISCLAIMER} It is no medical device, and nobody has approved it as one.")
    yield Block(
        text=f"Meant for research on telling {classes} apart in images of {kind} that are like "
        f"those of {card.model.dataset}, by people who check each answer."
    )
    yield Block(
        text="Not meant for decisions on a patient, for triage, for other kinds of images, other "
        "findings or other populations than those of its data. It always names one of its "
        "classes, whatever else an image shows."
    )


def _data(card: ModelCard) -> Iterator[Block]:
    data = card.data
    if data is None:
        yield Block(text=f"{card.model.dataset}; anything more is {UNKNOWN}.")
        return
    if data.synthetic:
        yield Block(text="Synthetic images: no figure here says anything about patients.")
    yield _facts(
        (
            ("dataset", data.name),
            ("what", data.description or UNKNOWN),
            ("modality", data.modality or UNKNOWN),
            ("licence", data.licence or UNKNOWN),
            ("citation", data.citation or UNKNOWN),
            ("synthetic", "yes" if data.synthetic else "no"),
        )
    )
    yield Block(
        heading="Splits",
        text="Records as the manifest has them; share of each class.",
        columns=("split", "records", "patients", "sources", *data.classes),
        rows=tuple(
            (
                name,
                f"{part.n:,}",
                UNKNOWN if part.patients is None else f"{part.patients:,}",
                ", ".join(f"{k} {n:,}" for k, n in part.sources.items()) or UNKNOWN,
                *(_share(part.counts.get(label, 0), part.n) for label in data.classes),
            )
            for name, part in data.splits.items()
        ),
    )


def _training(card: ModelCard) -> Iterator[Block]:
    result = card.training
    if result is None:
        yield Block(text=f"How it went is {UNKNOWN}.")
    else:
        yield _facts(
            (
                ("learned from", f"{result.n_train:,} images"),
                ("chosen on", f"{result.n_val:,} images: {result.selection}"),
                ("unreadable images left out", len(result.skipped)),
                ("epochs run", result.epochs_run),
                ("epoch kept", result.best_epoch),
                ("device, precision", f"{result.device}, {result.precision}"),
                ("augmentation", f"{result.augmentation} ({result.augmentation_reason})"),
                ("seconds", f"{result.seconds:.0f}"),
            )
        )
    if card.settings:
        yield Block(
            heading="Every setting",
            columns=("setting", "value"),
            rows=tuple((name, _plain(value)) for name, value in card.settings.items()),
        )


def _decisions(card: ModelCard) -> Iterator[Block]:
    about, chosen_on = card.model, _chosen_on(card)
    if about.operating_point is None:
        yield Block(text="An image is given its most probable class; there is no threshold.")
    else:
        spread = about.operating_point_ranges.get(str(about.operating_point_rule))
        ranged = f"; 95 % of resamples choose {spread[0]:.3f} to {spread[1]:.3f}" if spread else ""
        yield Block(
            text=f"An image is called {about.classes[1]} when its calibrated probability reaches "
            f"{about.operating_point:.3f}, chosen on {chosen_on} for "
            f"{about.operating_point_rule}{ranged}."
        )
        yield Block(
            columns=("rule", "threshold chosen there"),
            rows=tuple((rule, f"{at:.3f}") for rule, at in about.operating_points.items()),
        )
    yield Block(
        text=f"Probabilities are calibrated on {chosen_on} ({about.calibration_method}): "
        f"temperature {about.temperature:.3f}, bias {_numbers(about.bias)}"
        + (f", scale {_numbers(about.scale)}" if about.scale else "")
        + "."
    )


def _val(card: ModelCard) -> Iterator[Block]:
    result = card.training
    if result is None:
        yield Block(text=f"The figures on val are {UNKNOWN}.")
        return
    yield Block(text=f"Optimistic: {result.selection}.")
    decided = say_decision(result.operating_point, result.operating_point_rule)
    yield metric_table(
        f"n = {result.n_val:,}",
        {decided: result.val, "at 0.5": result.val_at_half},
        chance=result.chance or None,
    )


def _ledger(card: ModelCard) -> Iterator[Block]:
    looks = len(card.ledger)
    times = "once" if looks == 1 else f"{looks} times"
    yield Block(
        text=f"Selected on {_chosen_on(card)}; test evaluated {times if looks else 'never yet'}."
    )
    yield Block(
        columns=("time", "dataset", "split", "images", "test images (digest of ids)"),
        rows=tuple(
            (entry.get("time", "–"), entry.get("dataset", "–"), entry.get("split", "–"),
             entry.get("n", "–"), entry.get("test_ids") or "–")
            for entry in card.ledger
        ),
    )  # fmt: skip


def _unlike(card: ModelCard) -> Iterator[Block]:
    yield Block(
        text="A score says how unlike the training images an image is, in the network's features "
        f"and in its plain pixels; it was set so that about {FLAGGED:.0%} of val is flagged. A "
        "flagged image still gets probabilities, and they should not be trusted. An unflagged "
        "image may be unlike in ways the score does not see."
    )
    measured = [e for e in card.evaluations if e.trust.ood is not None]
    if not measured:
        yield Block(text="How often it flags other images was not measured in this run.")
        return
    yield Block(
        columns=("dataset", "split", "images", "flagged", "highest score"),
        rows=tuple(
            (
                e.dataset,
                e.split,
                f"{e.n:,}",
                e.trust.ood.flagged or "–",
                f"{e.trust.ood.highest:.2f}",
            )
            for e in measured
            if e.trust.ood is not None
        ),
    )


def _limits(card: ModelCard) -> Iterator[Block]:
    yield Block(
        items=(
            "Figures hold for images like those of their dataset; other scanners, sites, ages and "
            "another share of ill patients change them.",
            "Intervals say how much chance there is in the images drawn, not how other hospitals "
            "differ.",
            _subgroup_limit(card),
            "Labels are taken as true; whatever was wrong with them is in the model and in the "
            "figures.",
            "A network may have learned a marker, a border or a device in place of the finding; "
            "medx data audit and medx classify explain look for that.",
        )
    )


def _subgroup_limit(card: ModelCard) -> str:
    columns = {group.column for e in card.evaluations for group in e.subgroups}
    if columns:
        return f"Subgroups were measured by {', '.join(sorted(columns))} alone."
    return "No subgroup (sex, age, source) was measured: it may serve some people worse."


def _environment(card: ModelCard) -> Iterator[Block]:
    named = {key: card.environment.get(key) for key in ("python", "platform", "git")}
    rows = [*named.items(), *_versions(card).items()]
    yield _facts((name, UNKNOWN if value is None else value) for name, value in rows)


def _chosen_on(card: ModelCard) -> str:
    folds = card.settings.get("train_on") == "folds"
    return "out-of-fold predictions of train and val" if folds else "val"


def _facts(rows: Iterable[tuple[str, Any]]) -> Block:
    kept = tuple((name, _plain(value)) for name, value in rows if value is not None)
    return Block(columns=("what", "value"), rows=kept)


def _versions(card: ModelCard) -> dict[str, Any]:
    found = card.environment.get("packages")
    return found if isinstance(found, dict) else {}


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name  # a path names a user
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return str(value)


def _share(count: int, n: int) -> str:
    return f"{count:,} ({count / n:.1%})"


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
