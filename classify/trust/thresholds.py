"""The threshold that a rule chooses on what a run keeps of val."""

from __future__ import annotations

import numpy as np

from classify.trust.calibration import Calibration
from classify.trust.operating_points import MAXIMISING, OperatingPoint, bag_operating_point
from classify.trust.operating_rules import parse_rule
from classify.trust.val_logits import ValLogits


def choose_threshold(
    val: ValLogits, calibration: Calibration, rule: str, *, seed: int = 0
) -> OperatingPoint:
    """Return the threshold on the second of two classes that ``rule`` chooses.

    A rule that looks for the best one looks on val and, where there are any, its shifted copies;
    a demand such as ``sensitivity>=0.95`` is met on val itself.

    Args:
        val: Of two classes.
        calibration: How its logits become probabilities.
        rule: As ``parse_rule`` takes it.
        seed: Of the resampling.
    """
    logits, target, groups = val.logits, val.target, val.groups
    if val.shifted is not None and parse_rule(rule).kind in MAXIMISING:
        times = len(val.shifted) + 1
        logits, target = np.concatenate([logits, *val.shifted]), np.tile(target, times)
        # Copies of an image are no further evidence: they are drawn together.
        own = groups if groups is not None else [str(i) for i in range(len(val))]
        groups = np.tile(np.asarray(own), times).tolist()
    positive = calibration.probabilities(logits)[:, 1]
    return bag_operating_point(target == 1, positive, rule, groups=groups, seed=seed)
