"""Texts that medx itself writes."""

from __future__ import annotations

import pytest

from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import generate_phantoms
from reportgen.config import ReportConfig
from reportgen.engines.mock import MockEngine
from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.labeler import label_report
from reportgen.strategies import STRATEGIES

NAMES = {
    "pleural effusion": Finding.pleural_effusion,
    "pneumothorax": Finding.pneumothorax,
    "cardiomegaly": Finding.cardiomegaly,
    "nodule": Finding.lung_lesion,
}


@pytest.mark.parametrize("strategy", list(STRATEGIES))
@pytest.mark.parametrize(
    ("label", "probability", "finding"),
    [("pneumonia", 0.87, Finding.pneumonia), ("normal", 0.05, Finding.no_finding)],
)
def test_the_mock_states_what_it_calls(
    make_request, make_evidence, make_prediction, strategy, label, probability, finding
):
    prediction = make_prediction(label=label, probability=probability)
    request = make_request(make_evidence(prediction=prediction), strategy=strategy)
    labels = label_report(MockEngine(ReportConfig()).generate(request).text)
    if strategy == "differential":  # it ranks both
        assert labels.status(Finding.pneumonia) is not None
    else:
        assert labels.label(finding).status in (Status.present, Status.uncertain)


def test_similar_images_are_not_this_image(make_request, make_evidence, make_hits):
    evidence = make_evidence(neighbours=make_hits("pneumothorax", "pneumothorax"))
    labels = label_report(MockEngine(ReportConfig()).generate(make_request(evidence)).text)
    assert labels.status(Finding.pneumothorax) is None


@pytest.mark.parametrize("kind", ["report", "caption"])
def test_phantom_texts_state_the_truth(kind):
    config = PhantomConfig(count=60, size=16, seed=5, co_occurrence=0.5)
    for phantom in generate_phantoms(config, workers=1):
        labels = label_report(getattr(phantom, kind))
        truth = {finding.name: finding for finding in phantom.findings}
        for name, finding in NAMES.items():
            label = labels.label(finding)
            stated = label is not None and label.status is Status.present
            assert stated == (name in truth), getattr(phantom, kind)
            if stated and truth[name].side in ("left", "right"):
                assert label.side.value == truth[name].side


def test_json_is_read_by_its_keys():
    text = '{"indication": "pneumonia", "findings": "No effusion.", "impression": "Edema"}'
    labels = label_report(text)
    assert {x.finding: x.status for x in labels.findings} == {
        Finding.edema: Status.present,
        Finding.pleural_effusion: Status.absent,
    }
