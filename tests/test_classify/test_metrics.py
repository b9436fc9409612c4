import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from classify.metrics import (
    FROM_MATRIX,
    Bootstrap,
    accuracy,
    auroc,
    balanced_accuracy,
    confusion_matrix,
    macro_auroc,
    measure,
    measure_classes,
)

QUICK = Bootstrap(resamples=50)


def random_case(seed, *, classes, count=200):
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(classes), rng.integers(0, classes, count)])
    logits = rng.normal(size=(len(target), classes)) + 1.2 * np.eye(classes)[target]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return target, probs, probs.argmax(axis=1)


def estimates(measured):
    return {name: value.estimate for name, value in measured.items()}


@pytest.mark.parametrize("seed", range(3))
def test_binary_metrics_are_sklearns(seed):
    target, probs, predicted = random_case(seed, classes=2)
    assert estimates(measure(target, probs, predicted, QUICK)) == pytest.approx(
        {
            "auroc": sk.roc_auc_score(target, probs[:, 1]),
            "accuracy": sk.accuracy_score(target, predicted),
            "f1": sk.f1_score(target, predicted),
            "precision": sk.precision_score(target, predicted),
            "sensitivity": sk.recall_score(target, predicted),
            "specificity": sk.recall_score(target, predicted, pos_label=0),
            "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
        }
    )


@pytest.mark.parametrize("classes", [3, 7])
def test_multi_class_metrics_are_sklearns_macro(classes):
    target, probs, predicted = random_case(1, classes=classes)
    found = estimates(measure(target, probs, predicted, QUICK))
    for_specificity = sk.multilabel_confusion_matrix(target, predicted)
    negatives = for_specificity[:, 0, 0] / for_specificity[:, 0].sum(axis=1)
    assert found == pytest.approx(
        {
            "auroc": sk.roc_auc_score(target, probs, multi_class="ovr"),
            "accuracy": sk.accuracy_score(target, predicted),
            "f1": sk.f1_score(target, predicted, average="macro"),
            "precision": sk.precision_score(target, predicted, average="macro", zero_division=0),
            "sensitivity": sk.recall_score(target, predicted, average="macro"),
            "specificity": negatives.mean(),
            "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
        }
    )


def test_each_class_is_measured_against_the_rest():
    target, probs, predicted = random_case(2, classes=4)
    for c, found in enumerate(measure_classes(target, probs, predicted, QUICK)):
        assert found["auroc"].estimate == pytest.approx(sk.roc_auc_score(target == c, probs[:, c]))
        assert found["f1"].estimate == pytest.approx(sk.f1_score(target == c, predicted == c))


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.4, 0.5, 0.9])), min_size=2).filter(
        lambda rows: len({positive for positive, _ in rows}) == 2
    )
)
@settings(max_examples=100, deadline=None)
def test_auroc_with_ties_is_sklearns(rows):
    positive, scores = np.array([p for p, _ in rows]), np.array([s for _, s in rows])
    assert auroc(positive, scores) == pytest.approx(sk.roc_auc_score(positive, scores))
    assert auroc(positive, np.exp(5 * scores)) == pytest.approx(auroc(positive, scores))
    assert auroc(positive, -scores) == pytest.approx(1 - auroc(positive, scores))


@given(
    st.integers(2, 5).flatmap(
        lambda c: st.tuples(
            st.just(c),
            st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1),
        )
    )
)
@settings(max_examples=100, deadline=None)
def test_the_confusion_matrix_is_sklearns_and_metrics_stay_in_range(case):
    classes, rows = case
    target, predicted = np.array(rows).T
    matrix = confusion_matrix(target, predicted, classes)
    expected = sk.confusion_matrix(target, predicted, labels=range(classes))
    assert matrix.tolist() == expected.tolist()
    assert accuracy(matrix) == pytest.approx(np.mean(target == predicted))
    occurring = [np.mean(predicted[target == c] == c) for c in np.unique(target)]
    assert balanced_accuracy(matrix) == pytest.approx(np.mean(occurring))
    for metric in FROM_MATRIX.values():
        values = np.atleast_1d(metric(matrix))
        assert np.all((np.isnan(values)) | ((values >= 0) & (values <= 1)))


def test_what_one_class_alone_cannot_tell_is_none():
    probs = np.tile([0.3, 0.7], (5, 1))
    found = measure(np.ones(5, np.int64), probs, np.ones(5, np.int64), QUICK)
    assert found["auroc"] is None
    assert found["specificity"] is None
    assert found["sensitivity"].estimate == 1.0
    assert np.isnan(macro_auroc(np.ones(5, np.int64), probs))


def test_never_saying_yes_has_precision_zero_as_in_sklearn():
    target = np.array([0, 1, 1])
    found = measure(target, np.tile([0.9, 0.1], (3, 1)), np.zeros(3, np.int64), QUICK)
    expected = sk.precision_score(target, np.zeros(3), zero_division=0)
    assert found["precision"].estimate == expected == 0.0


def test_intervals_hold_the_estimate_and_follow_the_seed():
    target, probs, predicted = random_case(3, classes=2, count=100)
    first = measure(target, probs, predicted, Bootstrap(resamples=200, seed=1))
    assert first == measure(target, probs, predicted, Bootstrap(resamples=200, seed=1))
    assert first != measure(target, probs, predicted, Bootstrap(resamples=200, seed=2))
    assert all(v.low <= v.estimate <= v.high for v in first.values())


def test_patients_are_resampled_whole():
    target, probs, predicted = random_case(4, classes=2, count=198)
    repeated = [np.repeat(values, 10, axis=0) for values in (target, probs, predicted)]
    patients = [f"p{i}" for i in range(len(target)) for _ in range(10)]
    by_image = measure(*repeated, QUICK)["accuracy"]
    by_patient = measure(*repeated, Bootstrap(resamples=50, groups=patients))["accuracy"]
    assert by_patient.high - by_patient.low > 2 * (by_image.high - by_image.low)
