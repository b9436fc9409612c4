"""How a dataset is to be split."""

from __future__ import annotations

from dataclasses import dataclass

from medx.core.errors import InputError

MIN_FOLDS = 3


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """The records that become the test split: those whose ``column`` holds one of ``values``."""

    column: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.column}={','.join(self.values)}"


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Settings of a split; at most one of ``holdout``, ``folds`` and ``keep_official`` is set.

    Args:
        fractions: Shares of train, val and test; they sum to 1, and 0 leaves a split out.
        seed: Seed of the order in which groups are placed.
        stratify: Balance the labels as well as the sizes.
        holdout: Test on these alone; train and val share the rest as their fractions do.
        folds: Make this many folds instead; each is test once.
        keep_official: Keep the splits that are there.
        drop_leaks: Drop what leaks: from train first, then from val, never from test.
        drop_duplicates: Drop all but the first of equal pictures.
        allow_leaks: Write a split that leaks instead of refusing it.

    Raises:
        InputError: When the settings contradict each other or themselves.
    """

    fractions: tuple[float, ...] = (0.7, 0.15, 0.15)
    seed: int = 0
    stratify: bool = True
    holdout: Holdout | None = None
    folds: int | None = None
    keep_official: bool = False
    drop_leaks: bool = False
    drop_duplicates: bool = False
    allow_leaks: bool = False

    def __post_init__(self) -> None:
        train_val_test = len(self.fractions) == 3 and 0 < self.fractions[0] <= 1
        if not train_val_test or min(self.fractions) < 0 or abs(sum(self.fractions) - 1) > 1e-3:
            raise InputError(
                f"fractions must be three shares of train, val and test that sum to 1, "
                f"got {','.join(f'{f:g}' for f in self.fractions)}",
                hint="for example 0.7,0.15,0.15, or 0.8,0,0.2 for no val",
            )
        if self.folds is not None and self.folds < MIN_FOLDS:
            raise InputError(
                f"folds must be >= {MIN_FOLDS}, got {self.folds}",
                hint="one fold is test, one is val, the others are train",
            )
        if sum((self.holdout is not None, self.folds is not None, self.keep_official)) > 1:
            raise InputError("choose one of holdout, folds and keeping the official split")
        if self.drop_leaks and self.allow_leaks:
            raise InputError("choose one of dropping leaks and allowing them")


def parse_fractions(text: str) -> tuple[float, ...]:
    """Return the numbers of ``0.7,0.15,0.15``.

    Raises:
        InputError: When a part is no number.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            f"fractions must be numbers, got {text!r}", hint="for example 0.7,0.15,0.15"
        ) from error


def parse_holdout(text: str) -> Holdout:
    """Return the column and values of ``source=B,C``.

    Raises:
        InputError: When the text is of another form.
    """
    column, _, values = text.partition("=")
    names = tuple(dict.fromkeys(name.strip() for name in values.split(",") if name.strip()))
    if not column.strip() or not names:
        raise InputError(f"holdout takes source=NAME,NAME, got {text!r}")
    return Holdout(column=column.strip(), values=names)
