import random
from collections import Counter

import pytest

from medx.core.errors import InputError
from medx.core.values import Prediction
from reportgen.labels import is_normal, normal_label
from reportgen.samples import Candidate, SampleKind, choose_samples

CLASSES = ("normal", "pneumonia")


def candidate(i, label, predicted, classes=CLASSES):
    share = 0.1 / (len(classes) - 1)
    prediction = Prediction(
        id=f"{i:03d}",
        probabilities={c: 0.9 if c == predicted else share for c in classes},
        label=predicted,
        operating_point=None,
        classifier="toy",
    )
    return Candidate(id=f"{i:03d}", label=label, prediction=prediction)


def pool(normals=40, positives=60, false_positives=10, false_negatives=3):
    pairs = [
        *[("normal", "normal")] * normals,
        *[("pneumonia", "pneumonia")] * positives,
        *[("normal", "pneumonia")] * false_positives,
        *[("pneumonia", "normal")] * false_negatives,
    ]
    return [candidate(i, *pair) for i, pair in enumerate(pairs)]


def kinds(samples):
    return dict(Counter(sample.kind.value for sample in samples))


def test_ten_samples_hold_normals_positives_and_mistakes_in_balance():
    assert kinds(choose_samples(pool(), 10)) == {"normal": 4, "positive": 3, "mistake": 3}


def test_mistakes_of_both_directions_take_turns():
    labels = {c.id: c.label for c in pool()}
    mistakes = [s.id for s in choose_samples(pool(), 12) if s.kind is SampleKind.mistake]
    assert Counter(labels[i] for i in mistakes) == {"normal": 2, "pneumonia": 2}


def test_what_one_kind_lacks_the_others_give():
    chosen = choose_samples(pool(normals=50, positives=1, false_positives=0, false_negatives=0), 10)
    assert kinds(chosen) == {"normal": 9, "positive": 1}


def test_the_seed_decides_and_the_order_does_not():
    shuffled = random.Random(1).sample(pool(), len(pool()))
    assert choose_samples(pool(), 9, seed=3) == choose_samples(shuffled, 9, seed=3)
    assert choose_samples(pool(), 9, seed=3) != choose_samples(pool(), 9, seed=4)


def test_no_image_is_taken_twice():
    chosen = choose_samples(pool(), len(pool()))
    assert sorted(s.id for s in chosen) == [c.id for c in pool()]


def test_classes_of_many_take_turns():
    classes = ("ring", "tropho", "normal")
    cases = [candidate(i, classes[i % 3], classes[i % 3], classes) for i in range(30)]
    labels = {c.id: c.label for c in cases}
    chosen = choose_samples(cases, 8)
    assert kinds(chosen) == {"normal": 4, "positive": 4}
    positives = Counter(labels[s.id] for s in chosen if s.kind is SampleKind.positive)
    assert positives == {"ring": 2, "tropho": 2}


def test_without_labels_or_predictions_images_are_still_chosen():
    unlabelled = [Candidate(id=str(i), label=None, prediction=None) for i in range(5)]
    assert kinds(choose_samples(unlabelled, 3)) == {"unlabelled": 3}
    labelled = [Candidate(id=str(i), label="normal", prediction=None) for i in range(5)]
    assert kinds(choose_samples(labelled, 2)) == {"normal": 2}


def test_more_samples_than_images_is_an_error_with_a_way_out():
    with pytest.raises(InputError, match="11 samples were asked for, and there are 10") as caught:
        choose_samples(pool()[:10], 11)
    assert caught.value.hint == "use --num-samples 10 or less"


def test_less_than_one_sample_is_the_callers_mistake():
    with pytest.raises(ValueError, match="num_samples must be >= 1, got 0"):
        choose_samples(pool(), 0)


@pytest.mark.parametrize(
    ("classes", "normal"),
    [
        (("normal", "pneumonia"), "normal"),
        (("malignant", "normal, benign"), "normal, benign"),
        (("NORMAL", "PNEUMONIA"), "NORMAL"),
        (("a", "b"), "a"),
        (("0", "1", "2"), None),
    ],
)
def test_the_normal_class_is_known_by_name(classes, normal):
    assert normal_label(classes) == normal


def test_abnormal_is_not_normal():
    assert is_normal("No finding")
    assert not is_normal("abnormal")
