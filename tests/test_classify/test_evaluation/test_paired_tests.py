import numpy as np
import pytest
from scipy.stats import binom

from classify.evaluation.metrics import Case
from classify.evaluation.paired_tests import compare_auroc
from medx.core.bootstrap import Bootstrap
from medx.core.paired_tests import bootstrap_p_value, compare_accuracy, holm, mcnemar

QUICK = Bootstrap(resamples=300)


def case(target, probs):
    return Case(target=target, probs=probs, predicted=probs.argmax(axis=1))


def random_pair(classes, count=200, skill=2.0):
    rng = np.random.default_rng(0)
    target = rng.integers(0, classes, count)
    pair = []
    for strength in (0.2, skill):
        logits = rng.normal(size=(count, classes)) + strength * np.eye(classes)[target]
        pair.append(case(target, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)))
    return pair


@pytest.mark.parametrize(("one", "two"), [(0, 1), (3, 3), (2, 9), (11, 1), (40, 60)])
def test_mcnemar_is_the_tail_of_a_fair_coin(one, two):
    tail = binom.cdf(min(one, two), one + two, 0.5)
    assert mcnemar(one, two) == pytest.approx(min(1.0, 2 * tail))
    assert mcnemar(one, two) == pytest.approx(mcnemar(two, one))
    assert mcnemar(0, 0) == 1.0


def test_accuracy_counts_what_each_alone_got_right():
    first = np.array([True] * 50 + [False] * 50)
    second = np.array([True] * 48 + [False] * 2 + [True] * 12 + [False] * 38)
    found = compare_accuracy(first, second, QUICK)
    assert (found.only_first, found.only_second) == (2, 12)
    assert found.interval.estimate == pytest.approx(0.10)
    assert found.interval.low <= 0.10 <= found.interval.high
    assert (found.p_value, found.method) == (mcnemar(2, 12), "McNemar, exact")


def test_two_that_never_differ_may_still_differ_on_images_not_seen():
    right = np.random.default_rng(0).random(60) < 0.8
    alike = compare_accuracy(right, right, QUICK).interval
    bound = 1 - 0.025 ** (1 / 60)
    assert (alike.low, alike.high) == (pytest.approx(-bound), pytest.approx(bound))
    every = compare_accuracy(np.zeros(60, bool), np.ones(60, bool), QUICK).interval
    assert (every.low, every.high) == (pytest.approx(1 - 2 * bound), 1.0)
    patients = [f"p{i // 10}" for i in range(60)]
    fewer = compare_accuracy(right, right, Bootstrap(groups=patients, resamples=300)).interval
    assert fewer.high == pytest.approx(1 - 0.025 ** (1 / 6))
    assert fewer.method == "exact binomial of patients"


def test_repeated_patients_are_resampled_whole():
    rng = np.random.default_rng(1)
    first, second = rng.random(30) < 0.6, rng.random(30) < 0.8
    once = compare_accuracy(first, second, QUICK)
    patients = [f"p{i}" for i in range(30) for _ in range(10)]
    grouped = compare_accuracy(
        np.repeat(first, 10), np.repeat(second, 10), Bootstrap(groups=patients, resamples=300)
    )
    assert grouped.method == "paired bootstrap by patient"
    width, alone = (f.interval.high - f.interval.low for f in (grouped, once))
    assert width == pytest.approx(alone, rel=0.2)


def test_no_fault_against_no_skill_is_no_certainty():
    target = np.repeat([0, 1], 10)
    sure, same = case(target, np.eye(2)[target]), case(target, np.full((20, 2), 0.5))
    found = compare_auroc(same, sure, QUICK)
    assert found.interval.estimate == 0.5
    assert (found.p_value > 0, found.method) == (True, "paired bootstrap by image")


def test_auroc_of_two_classes_is_delongs_and_of_more_is_resampled():
    two = compare_auroc(*random_pair(2), QUICK)
    assert (two.method, two.p_value < 0.01) == ("DeLong", True)
    three = compare_auroc(*random_pair(3), QUICK)
    assert three.method == "paired bootstrap by image"
    assert three.interval.low > 0
    assert three.p_value == pytest.approx(2 / 301)


def test_one_class_alone_leaves_auroc_open():
    only = case(np.ones(10, np.int64), np.tile([0.4, 0.6], (10, 1)))
    assert compare_auroc(only, only, QUICK) is None


def test_nothing_between_two_that_are_the_same():
    first, _ = random_pair(3)
    same = compare_auroc(first, first, QUICK)
    assert (same.interval.estimate, same.p_value) == (0.0, 1.0)
    assert bootstrap_p_value(np.array([np.nan, 1.0, 2.0, 3.0])) == pytest.approx(0.5)


def test_holm_is_stepwise_and_keeps_the_order():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
