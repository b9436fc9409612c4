"""What an explanation returns, prints and stores."""

from __future__ import annotations

from pydantic import Field

from classify.results import Skipped
from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value


class Localisation(Value):
    """How well the maps of one class (or of ``all``) point at boxes.

    ``chance`` is what a map that knows nothing of the image reaches: the share of the image within
    the tolerance for the pointing game, the share of the boxes for the other two.
    """

    label: str
    n: int
    pointing_game: Interval
    energy_in_box: Interval
    iou: Interval
    chance: dict[str, float]
    empty_maps: int = Field(description="Maps without any evidence.")


class SanityStep(Value):
    """Maps after the last layers down to one were given random weights."""

    down_to: str = Field(description="The layer nearest to the image that is random.")
    random_share: float = Field(description="Of all weights.")
    correlation: Interval = Field(description="Spearman's, with the map of the trained network.")


class Sanity(Value):
    """Whether maps show what was learned: randomised weights must destroy them."""

    n: int
    draws: int = Field(description="Random networks that the correlations are means over.")
    steps: list[SanityStep]
    limit: float = Field(description="Most correlation after the last step that passes.")
    passed: bool


class Explained(Value):
    """One image with its map."""

    id: str
    label: str = Field(description="The class whose evidence the map shows.")
    truth: str | None
    predicted: str
    probability: float = Field(description="Calibrated, of ``label``.")
    outcome: str | None = Field(description="true positive, …, of ``label``; None: truth unknown.")
    zone: str | None = Field(description="Where the map is highest, as seen; None: no evidence.")
    peak: tuple[float, float] | None = Field(description="As shares of width and height.")
    picture: str = Field(description="File of the overlay, below the run folder.")


class Explanation(Value):
    """Where a classifier looked; ``metrics.json`` of its folder."""

    schema_version: int = 1
    run_dir: str
    page: str
    classifier: str
    trained_on: str
    source: str = Field(description="A dataset or the files given.")
    synthetic: bool
    split: str | None
    n: int
    method: str
    layer: str
    outcomes: dict[str, dict[str, int]] = Field(description="class → outcome → images")
    images: list[Explained]
    localisation: list[Localisation]
    tolerance: float = Field(description="Of the pointing game, as a share of the side.")
    marked_from: float = Field(description="Share of the highest value that IoU counts as marked.")
    bootstrap_resamples: int
    bootstrap_seed: int
    bootstrap_unit: str
    sanity: Sanity | None
    test_evaluations: int = Field(description="How often this model has met this test split.")
    notes: list[str] = Field(description="What changes how the figures should be read.")
    skipped: list[Skipped]
    disclaimer: str = DISCLAIMER
