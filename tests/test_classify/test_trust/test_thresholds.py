import numpy as np
import pytest

from classify.trust.calibration import Calibration
from classify.trust.operating_points import bag_operating_point
from classify.trust.thresholds import choose_threshold
from classify.trust.val_logits import ValLogits

PLAIN = Calibration(temperature=1.0, bias=(0.0, 0.0))


def logits_of(probs):
    """Return the logits of two classes whose second has these probabilities."""
    probs = np.asarray(probs, np.float64)
    return np.stack([np.zeros_like(probs), np.log(probs / (1 - probs))], axis=-1).astype(np.float32)


TARGET = np.array([0, 0, 0, 1, 1, 1])
VAL = logits_of([0.05, 0.1, 0.2, 0.8, 0.9, 0.95])
#: Another scanner makes two normals look suspicious.
ELSEWHERE = logits_of([0.05, 0.6, 0.7, 0.8, 0.9, 0.95])


def test_a_threshold_of_val_alone_is_the_bagged_one():
    found = choose_threshold(ValLogits(logits=VAL, target=TARGET), PLAIN, "balanced_accuracy")
    probs = PLAIN.probabilities(VAL)[:, 1]
    assert found == bag_operating_point(TARGET == 1, probs, "balanced_accuracy")
    assert 0.2 < found.threshold < 0.8


def test_shifted_copies_move_the_best_threshold():
    val = ValLogits(logits=VAL, target=TARGET, shifted=np.stack([ELSEWHERE, ELSEWHERE]))
    assert choose_threshold(val, PLAIN, "balanced_accuracy").plain > 0.7


@pytest.mark.parametrize("rule", ["sensitivity>=0.9", "specificity>=0.9"])
def test_a_demand_is_met_on_val_itself(rule):
    alone = ValLogits(logits=VAL, target=TARGET)
    copied = ValLogits(logits=VAL, target=TARGET, shifted=ELSEWHERE[None])
    assert choose_threshold(copied, PLAIN, rule) == choose_threshold(alone, PLAIN, rule)


def test_copies_of_a_patient_are_drawn_with_the_patient():
    val = ValLogits(logits=VAL, target=TARGET, groups=list("aabbcc"), shifted=VAL[None])
    alone = ValLogits(logits=VAL, target=TARGET, groups=list("aabbcc"))
    many = choose_threshold(val, PLAIN, "balanced_accuracy")
    assert many.low == pytest.approx(choose_threshold(alone, PLAIN, "balanced_accuracy").low)
