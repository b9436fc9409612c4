import inspect
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.agreement.guards import cited_items
from reportgen.config import ReportConfig
from reportgen.engines.mock import MARK, MockEngine
from reportgen.engines.mock_facts import LIKELIHOODS, likelihood
from reportgen.sections import parse_sections

NAMES = ("concise", "structured", "differential", "grounded")


@pytest.fixture
def write(make_request):
    engine = MockEngine(ReportConfig())

    def run(evidence, strategy="concise", pixels=None):
        return engine.generate(make_request(evidence, pixels, strategy=strategy)).text

    return run


@pytest.fixture
def kinds_of_evidence(make_evidence, make_prediction, make_hits):
    three = make_prediction(
        "ring", probabilities={"ring": 0.6, "normal": 0.3, "tropho": 0.1}, operating_point=None
    )
    predictions = (make_prediction(), make_prediction("normal", 0.2), three, None)
    neighbours = ([], make_hits("normal"), make_hits("ring", None, "normal"), make_hits(None, None))
    return [make_evidence(prediction=p, neighbours=n) for p, n in product(predictions, neighbours)]


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_is_honoured_whatever_the_evidence(
    name, write, kinds_of_evidence, strategies
):
    for evidence in kinds_of_evidence:
        text = write(evidence, name)
        assert parse_sections(text, strategies[name].sections).missing == []
        assert set(cited_items(text)) <= {item.id for item in evidence.items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_text_says_that_it_is_a_mock(name, write, make_evidence):
    assert write(make_evidence(), name).startswith(MARK)
    assert MARK.startswith("MOCK REPORT")


def test_it_does_not_look_and_always_says_the_same(write, make_evidence):
    white = np.full((28, 28), 255, np.uint8)
    assert write(make_evidence()) == write(make_evidence(), pixels=white)


def test_probability_and_neighbours_are_quoted(write, make_evidence):
    text = write(make_evidence())
    assert "pneumonia a probability of 0.87, at or above its operating point of 0.43 [P1]" in text
    assert "3 of the 4 most similar archived images are labelled pneumonia [N1, N2, N4]" in text
    assert "Pneumonia likely (probability 0.87) [P1]." in text


def test_a_negative_quotes_the_positive_class_below_its_threshold(
    write, make_evidence, make_prediction, make_hits
):
    evidence = make_evidence(
        prediction=make_prediction("normal", 0.05), neighbours=make_hits("normal")
    )
    text = write(evidence)
    assert "pneumonia a probability of 0.05, below its operating point of 0.43" in text
    assert "Normal image very likely (probability 0.95)" in text


@pytest.mark.parametrize("label", ["no effusion", "no_effusion"])
def test_a_class_that_denies_is_not_called_possible(write, make_evidence, make_prediction, label):
    probabilities = {label: 0.57, "effusion": 0.43}
    prediction = make_prediction(label, probabilities=probabilities, operating_point=0.5)
    text = write(make_evidence(prediction=prediction, neighbours=[]))
    assert f"Called {label} (probability 0.57) [P1]" in text


def test_a_disagreement_makes_the_impression_indeterminate(write, make_evidence, make_hits):
    text = write(make_evidence(neighbours=make_hits("normal", "normal", "pneumonia")))
    assert "Classifier and neighbours disagree." in text
    assert "more of the similar archived images are labelled normal [N1, N2]: indeterminate" in text


def test_neighbours_of_many_classes_disagree_only_when_one_class_leads(
    write, make_evidence, make_prediction, make_hits
):
    probabilities = {"ring": 0.6, "normal": 0.3, "tropho": 0.1}
    prediction = make_prediction("ring", probabilities=probabilities, operating_point=None)
    tied = make_hits("ring", "ring", "tropho", "tropho", "normal")
    assert "indeterminate" not in write(make_evidence(prediction=prediction, neighbours=tied))
    led = make_hits("ring", "tropho", "tropho", "normal")
    text = write(make_evidence(prediction=prediction, neighbours=led))
    assert "labelled tropho [N2, N3]: indeterminate" in text


def test_a_close_call_is_called_so(write, make_evidence, make_prediction):
    text = write(make_evidence(prediction=make_prediction("pneumonia", 0.52)))
    assert "Pneumonia possible (probability 0.52) [P1], near the operating point." in text


def test_the_highest_of_many_low_probabilities_is_no_denial(write, make_evidence, make_prediction):
    probabilities = {"effusion": 0.28, "normal": 0.26, "nodule": 0.24, "mass": 0.22}
    prediction = make_prediction("effusion", probabilities=probabilities, operating_point=None)
    prediction = prediction.model_copy(update={"abstain": True})
    text = write(make_evidence(prediction=prediction, neighbours=[]))
    assert "Effusion possible (probability 0.28, the highest of 4 classes) [P1]" in text
    assert "The classifier abstains: a person should decide [P1]." in text


def test_a_call_below_even_odds_hangs_on_the_operating_point(
    write, make_evidence, make_prediction, make_hits
):
    prediction = make_prediction("pneumonia", 0.30, operating_point=0.18)
    text = write(make_evidence(prediction=prediction))
    assert "Flagged as pneumonia (probability 0.30, above the operating point of 0.18)" in text
    prediction = make_prediction("normal", 0.60, operating_point=0.75)
    text = write(make_evidence(prediction=prediction, neighbours=make_hits("normal")))
    assert "Called normal, since pneumonia stays below the operating point of 0.75 [P1]" in text


def test_without_prediction_it_leans_on_neighbours_and_says_so(write, make_evidence):
    text = write(make_evidence(prediction=None))
    assert "No classifier result is available." in text
    assert "by similarity alone (3 of 4 labelled images)" in text
    assert "no probability can be given" in text


def test_without_any_evidence_there_is_no_impression(write, make_evidence):
    text = write(make_evidence(prediction=None, neighbours=[]))
    assert "No impression: there is neither a classifier result nor a labelled neighbour." in text


def test_a_differential_has_both_sides_for_each_class(write, make_evidence, strategies):
    text = write(make_evidence(), "differential")
    sections = parse_sections(text, strategies["differential"].sections).sections
    first, second = sections[1].entries
    assert first.title == "pneumonia (likely, probability 0.87)"
    assert "[N1, N2, N4]" in first.evidence_for[0]
    assert second.title == "normal image (unlikely, probability 0.13)"
    assert "[N3]" in second.evidence_for[0]


def test_a_differential_starts_with_the_most_probable_reading(
    write, make_evidence, make_prediction, strategies
):
    prediction = make_prediction("pneumonia", 0.30, operating_point=0.18)
    text = write(make_evidence(prediction=prediction), "differential")
    sections = parse_sections(text, strategies["differential"].sections).sections
    assert [e.title.split(" (")[0] for e in sections[1].entries] == ["normal image", "pneumonia"]


def test_small_images_send_the_reader_to_the_original(write, make_evidence):
    assert "too small for a diagnosis" in write(make_evidence(), "structured")
    large = make_evidence(image_size=(1024, 1024))
    assert "too small" not in write(large, "structured")


@given(st.floats(0, 1), st.floats(0, 1))
def test_words_for_probabilities_are_ordered(a, b):
    words = [word for _, word in LIKELIHOODS]
    low, high = sorted((a, b))
    assert words.index(likelihood(low)) >= words.index(likelihood(high))


def test_engines_get_no_way_to_the_true_label(make_request):
    fields = vars(make_request()).keys()
    assert fields == {
        "prompt", "pixels", "evidence", "strategy", "max_new_tokens", "schema",
    }  # fmt: skip
    assert list(inspect.signature(MockEngine.generate).parameters) == ["self", "request"]
