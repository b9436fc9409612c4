import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as sk

from classify.evaluation.metrics import Case, measure, measure_case, measure_decisions
from medx.core.bootstrap import Bootstrap
from medx.core.statistics import bootstrap_interval

QUICK = Bootstrap(resamples=50)


def random_case(seed, *, classes, count=200):
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(classes), rng.integers(0, classes, count)])
    logits = rng.normal(size=(len(target), classes)) + 1.2 * np.eye(classes)[target]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return target, probs, probs.argmax(axis=1)


def by_class(target, probs, predicted, how=QUICK):
    return measure_case(Case(target=target, probs=probs, predicted=predicted), how)[1]


def estimates(measured):
    return {name: value.estimate for name, value in measured.items()}


@pytest.mark.parametrize("seed", range(3))
def test_binary_metrics_are_sklearns(seed):
    target, probs, predicted = random_case(seed, classes=2)
    found = estimates(measure(target, probs, predicted, QUICK))
    assert 0 < found.pop("ece") < 0.3  # test_reliability.py holds it against its definition
    assert found == pytest.approx(
        {
            "auroc": sk.roc_auc_score(target, probs[:, 1]),
            "auprc": sk.average_precision_score(target, probs[:, 1]),
            "accuracy": sk.accuracy_score(target, predicted),
            "f1": sk.f1_score(target, predicted),
            "precision": sk.precision_score(target, predicted),
            "sensitivity": sk.recall_score(target, predicted),
            "specificity": sk.recall_score(target, predicted, pos_label=0),
            "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
            "macro_f1": sk.f1_score(target, predicted, average="macro"),
            "weighted_f1": sk.f1_score(target, predicted, average="weighted"),
            "brier": sk.brier_score_loss(target, probs[:, 1]),
            "nll": sk.log_loss(target, probs),
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("classes", [3, 7])
def test_multi_class_metrics_are_sklearns_macro(classes):
    target, probs, predicted = random_case(1, classes=classes)
    found = estimates(measure(target, probs, predicted, QUICK))
    found.pop("ece")
    for_specificity = sk.multilabel_confusion_matrix(target, predicted)
    negatives = for_specificity[:, 0, 0] / for_specificity[:, 0].sum(axis=1)
    assert found == pytest.approx(
        {
            "auroc": sk.roc_auc_score(target, probs, multi_class="ovr"),
            "auprc": sk.average_precision_score(np.eye(classes)[target], probs),
            "accuracy": sk.accuracy_score(target, predicted),
            "f1": sk.f1_score(target, predicted, average="macro"),
            "precision": sk.precision_score(target, predicted, average="macro", zero_division=0),
            "sensitivity": sk.recall_score(target, predicted, average="macro"),
            "specificity": negatives.mean(),
            "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
            "macro_f1": sk.f1_score(target, predicted, average="macro"),
            "weighted_f1": sk.f1_score(target, predicted, average="weighted"),
            "brier": sk.brier_score_loss(target, probs),
            "nll": sk.log_loss(target, probs),
        },
        rel=1e-5,
    )


def test_each_class_is_measured_against_the_rest():
    target, probs, predicted = random_case(2, classes=4)
    for c, found in enumerate(by_class(target, probs, predicted)):
        truth, said = target == c, predicted == c
        assert found["auroc"].estimate == pytest.approx(sk.roc_auc_score(truth, probs[:, c]))
        assert found["auroc"].method == "DeLong"
        assert found["f1"].estimate == pytest.approx(sk.f1_score(truth, said))
        assert found["precision"].estimate == pytest.approx(sk.precision_score(truth, said))
        expected = sk.brier_score_loss(truth, probs[:, c])
        assert found["brier"].estimate == pytest.approx(expected, rel=1e-5)
        assert "accuracy" not in found


def test_counting_finds_the_interval_that_resampling_rows_does():
    target, probs, predicted = random_case(3, classes=3)
    found = measure(target, probs, predicted, Bootstrap(resamples=600))
    slow = bootstrap_interval(
        lambda t, p: sk.roc_auc_score(t, p, multi_class="ovr"), target, probs, resamples=300
    )
    assert found["auroc"].low == pytest.approx(slow.low, abs=0.01)
    assert found["auroc"].high == pytest.approx(slow.high, abs=0.01)


cases = st.integers(2, 5).flatmap(
    lambda c: st.tuples(
        st.just(c),
        st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1, max_size=40),
        st.integers(0, 1000),
    )
)


@given(cases)
@settings(max_examples=60, deadline=None)
def test_order_does_not_matter_and_intervals_hold_the_estimate_in_range(case):
    classes, rows, seed = case
    rng = np.random.default_rng(seed)
    target, predicted = np.array(rows).T
    probs = rng.dirichlet(np.ones(classes), len(rows))
    found = measure(target, probs, predicted, Bootstrap(resamples=20))
    shuffled = rng.permutation(len(rows))
    again = measure(target[shuffled], probs[shuffled], predicted[shuffled], QUICK)
    for name, value in found.items():
        assert (value is None) or value.low <= value.estimate <= value.high
        assert (value is None) or 0 <= value.low <= value.high <= 2 or name == "nll"
        if value and again[name]:
            assert again[name].estimate == pytest.approx(value.estimate, abs=1e-5)


def test_what_one_class_alone_cannot_tell_is_none():
    probs = np.tile([0.3, 0.7], (5, 1))
    found = measure(np.ones(5, np.int64), probs, np.ones(5, np.int64), QUICK)
    assert found["auroc"] is None
    assert found["specificity"] is None
    assert found["sensitivity"].estimate == 1.0


def test_never_saying_yes_has_precision_zero_as_in_sklearn():
    target = np.array([0, 1, 1])
    found = measure(target, np.tile([0.9, 0.1], (3, 1)), np.zeros(3, np.int64), QUICK)
    expected = sk.precision_score(target, np.zeros(3), zero_division=0)
    assert found["precision"].estimate == expected == 0.0


def test_means_run_over_the_classes_that_are_measured():
    target, probs = np.array([0, 0, 1, 1]), np.full((4, 3), 1 / 3)
    predicted = np.array([0, 2, 1, 1])
    found = measure(target, probs, predicted, QUICK, measured=(0, 1))
    expected = sk.f1_score(target, predicted, average=None)
    assert found["macro_f1"].estimate == pytest.approx(expected[:2].mean())
    assert found["accuracy"].estimate == 0.75


def test_intervals_follow_the_seed_and_say_how_they_were_made():
    target, probs, predicted = random_case(3, classes=2, count=100)
    first = measure(target, probs, predicted, Bootstrap(resamples=200, seed=1))
    assert first == measure(target, probs, predicted, Bootstrap(resamples=200, seed=1))
    assert first != measure(target, probs, predicted, Bootstrap(resamples=200, seed=2))
    methods = {name: value.method for name, value in first.items()}
    assert methods.pop("auroc") == "DeLong"
    assert methods.pop("ece") == "bootstrap standard error"
    assert set(methods.values()) == {"percentile bootstrap"}


def test_patients_are_resampled_whole_and_delong_is_left_alone():
    target, probs, predicted = random_case(4, classes=2, count=198)
    repeated = [np.repeat(values, 10, axis=0) for values in (target, probs, predicted)]
    patients = [f"p{i}" for i in range(len(target)) for _ in range(10)]
    by_image = measure(*repeated, QUICK)["accuracy"]
    grouped = measure(*repeated, Bootstrap(resamples=50, groups=patients))
    assert grouped["accuracy"].high - grouped["accuracy"].low > 2 * (by_image.high - by_image.low)
    assert grouped["auroc"].method == "percentile bootstrap"


def test_a_share_of_all_counts_patients_where_they_repeat():
    target = np.repeat([0, 1, 1], 100)
    probs = np.stack([1.0 - target, target], axis=1)
    patients = [f"p{i // 10}" for i in range(300)]  # 10 of class 0 and 20 of class 1
    how = Bootstrap(resamples=50, groups=patients)
    found = measure(target, probs, target, how)
    for name, count in {"accuracy": 30, "sensitivity": 20, "specificity": 10}.items():
        exact = binomtest(count, count).proportion_ci(0.95, method="exact")
        assert found[name].low == pytest.approx(exact.low)
        assert found[name].method == "exact binomial of patients"
    assert measure_decisions(target, target, 2, how)["precision"] == found["precision"]


@pytest.mark.parametrize("classes", [2, 3])
def test_a_rare_class_that_is_always_missed_is_not_measured_by_samples_without_it(classes):
    target = np.repeat(np.arange(classes), [*[100, 50][: classes - 1], 2])
    predicted = np.minimum(target, classes - 2)
    probs = np.eye(classes)[predicted] + 0.1
    found = measure(target, probs / probs.sum(axis=1, keepdims=True), predicted)
    expected = (classes - 1) / classes
    # Samples without the class would say 1; what two misses of two leave open is exact.
    assert found["macro_f1"].high < expected
    bound = binomtest(0, 2).proportion_ci(method="exact").high
    for name in ("balanced_accuracy", "sensitivity")[: classes - 1]:
        assert found[name].estimate == pytest.approx(expected)
        assert found[name].high == pytest.approx(expected + bound / classes)
        assert 0.9 * expected < found[name].low < expected


def test_decisions_need_no_probability():
    target, probs, predicted = random_case(5, classes=2)
    full = measure(target, probs, predicted, QUICK)
    found = measure_decisions(target, predicted, 2, QUICK)
    assert found == {name: full[name] for name in found}
    assert set(found) >= {"sensitivity", "specificity", "precision", "balanced_accuracy"}


def test_a_share_of_all_keeps_an_exact_interval_that_is_no_point():
    target = np.repeat([0, 1], [30, 50])
    probs = np.stack([1.0 - target, target], axis=1)
    found = measure(target, probs, target, QUICK)
    expected = binomtest(50, 50).proportion_ci(method="exact").low
    for value in (found["sensitivity"], measure_decisions(target, target, 2, QUICK)["sensitivity"]):
        assert (value.estimate, value.high, value.method) == (1.0, 1.0, "exact binomial")
        assert value.low == pytest.approx(expected)
    assert found["accuracy"].low == pytest.approx(binomtest(80, 80).proportion_ci().low)
    assert by_class(target, probs, target)[0]["sensitivity"].low < 0.9
