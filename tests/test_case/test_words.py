import pytest

from medx.case.words import call_line, likeness_line, neighbours_line, set_line, threshold_line
from medx.core.values import Hit, Prediction


def prediction(*, p=0.72, held=None, classes=("normal", "pneumonia"), score=None, point=0.4):
    rest = (1 - p) / (len(classes) - 1)
    return Prediction(
        id="film",
        probabilities={name: rest for name in classes[:-1]} | {classes[-1]: p},
        label=classes[-1],
        operating_point=point,
        classifier="run",
        conformal_set=held,
        conformal_level=None if held is None else 0.95,
        ood_score=score,
        out_of_distribution=None if score is None else score > 1,
    )


@pytest.mark.parametrize(
    ("p", "often"), [(0.72, "about 72"), (0.999, "over 99"), (0.001, "fewer than 1")]
)
def test_a_probability_is_said_as_a_frequency(p, often):
    line = call_line(prediction(p=p))
    assert line.endswith(f"of 100 images with this figure, {often} are pneumonia")


def test_no_frequency_is_claimed_for_an_unlike_image():
    line = call_line(prediction(score=1.7))
    assert "of 100 images" not in line
    assert "no figure to rely on" in line
    assert likeness_line(prediction(score=1.7)).startswith("UNLIKE")
    assert likeness_line(prediction(score=0.5)).startswith("like")
    assert "not looked at" in likeness_line(prediction())


@pytest.mark.parametrize(
    ("held", "classes", "said"),
    [
        (["a", "b"], "ab", "a and b both remain possible at 95 %"),
        (["a"], "ab", "only a remains possible at 95 %"),
        ([], "ab", "no class is likely enough to remain possible at 95 %"),
        (["a", "b", "c"], "abcd", "a, b and c all remain possible at 95 %"),
        (["a", "b", "c"], "abc", "every class remains possible at 95 %"),
    ],
)
def test_a_conformal_set_in_words(held, classes, said):
    assert set_line(prediction(held=held, classes=tuple(classes))) == said


def test_an_unlike_image_has_no_set():
    assert "cannot be told" in set_line(prediction(held=["normal"], score=1.7))


def test_a_missing_set_or_threshold_is_said():
    assert "not known" in set_line(prediction())
    assert threshold_line(prediction(point=None)) == "the most probable class is taken"
    assert threshold_line(prediction()) == "pneumonia is called from 0.40 upwards"


def test_neighbours_are_counted_by_label():
    hits = [
        Hit(rank=n, id=str(n), similarity=1 - n / 10, label=label)
        for n, label in enumerate(["b", "a", "b", None], start=1)
    ]
    assert neighbours_line(hits) == "2 b, 1 a, 1 no label of 4 cases; most similar 0.900"
    assert neighbours_line([]) == "none"


def test_a_probability_just_below_the_threshold_is_told_from_it():
    line = threshold_line(prediction(p=0.4296, point=0.4341))
    assert line == "pneumonia, here 0.4296, is called from 0.4341 upwards"
