"""Each guard on texts that it must find, and on texts that it must leave alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from medx.core.values import Hit
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import generate_phantoms
from reportgen.agreement.guards import check_text, refuse
from reportgen.agreement.results import WarningKind as Kind
from reportgen.evidence import HeatMapFact
from reportgen.labeler.reference import read_reference

SENTENCES = Path(__file__).parents[1] / "test_labeler" / "sentences.yaml"
GUARDS = {
    Kind.refusal, Kind.non_answer, Kind.repetition, Kind.wrong_side, Kind.contradiction,
    Kind.comparison, Kind.measurement, Kind.history,
}  # fmt: skip

#: Words of comparison in texts whose labels name no course: "no new consolidation".
COURSE = ("new", "change", "stable", "interval", "prior", "comparison")


@pytest.fixture
def kinds(make_evidence):
    """Say what a text is warned of, besides citations and resolution."""

    def read(text, *, prompt="", **evidence):
        given = {"prediction": None, "neighbours": [], "image_size": (512, 512), **evidence}
        warnings = check_text(text, make_evidence(**given), cut_off=False, prompt=prompt)
        return [w.kind for w in warnings if w.kind in GUARDS]

    return read


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I do not interpret images.",
        "As an artificial intelligence I only describe.",
        "I'm sorry, but that is not possible.",
        "I cannot provide a medical diagnosis from this image.",
        "I can't interpret X-rays.",
        "I am unable to analyse this radiograph.",
        "I do not have the ability to see images.",
        "FINDINGS: Hazy.\nPlease consult a qualified radiologist.",
        "This text is not a substitute for professional advice.",
    ],
)
def test_refusals_are_found(kinds, text):
    assert kinds(text) == [Kind.refusal]


@pytest.mark.parametrize(
    "text",
    [
        "Pneumonia cannot be excluded.",
        "I cannot exclude a small effusion.",
        "I cannot see a pneumothorax.",
        "RECOMMENDATION: Reading of the original image by a radiologist.",
        "The patient was unable to stand; AP view.",
    ],
)
def test_caution_is_no_refusal(kinds, text):
    assert Kind.refusal not in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12 . 34",
        "FINDINGS:\n\nIMPRESSION: Pneumonia.",
        "FINDINGS: N/A\nIMPRESSION: Pneumonia.",
        "FINDINGS: <two or three sentences>\nIMPRESSION: Pneumonia.",
        "FINDINGS: [insert findings here]",
        "FINDINGS: TODO",
        "FINDINGS: {{ findings }}",
    ],
)
def test_non_answers_are_found(kinds, text):
    assert kinds(text) == [Kind.non_answer]


def test_the_prompt_given_back_is_found(kinds):
    prompt = (
        "Write a report in two sections.\nFINDINGS:\ntwo or three sentences\nIMPRESSION:\n"
        "State how certain you are, invent no patient history, no earlier examination and no "
        "measurement, cite an item by its id in square brackets wherever you use it."
    )
    assert kinds("FINDINGS: Hazy lungs.\nIMPRESSION: pneumonia", prompt=prompt) == []
    assert kinds("FINDINGS: two or three sentences", prompt=prompt) == [Kind.non_answer]
    assert kinds("FINDINGS:\n- two or three sentences", prompt=prompt) == [Kind.non_answer]
    echo = "Hazy. State how certain" + prompt.split("State how certain")[1].replace("\n", " ")
    assert kinds(echo, prompt=prompt) == [Kind.non_answer]


def test_evidence_in_the_prompt_may_be_told(make_evidence):
    evidence = make_evidence()
    prompt = "\n".join(f"[{item.id}] {item.statement}" for item in evidence.items())
    warnings = check_text(f"FINDINGS:\n{prompt}\nHazy.", evidence, cut_off=False, prompt=prompt)
    assert Kind.non_answer not in {w.kind for w in warnings}


@pytest.mark.parametrize(
    "text",
    [
        "The lungs are clear and the heart is normal. " * 3,
        "Opacity " * 6,
        "\n".join(f"{n}. No pleural effusion is seen on this side." for n in range(3)),
        "Findings: hazy left base, hazy left base, hazy left base, hazy left base",
    ],
)
def test_loops_are_found(kinds, text):
    assert Kind.repetition in kinds(text)


def test_a_list_that_says_the_same_of_each_region_is_no_loop(kinds):
    regions = ("Lungs", "Pleura", "Heart and mediastinum", "Bones")
    lines = [f"- {name}: not assessable at this resolution." for name in regions]
    assert kinds("FINDINGS:\n" + "\n".join(lines)) == []


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("FINDINGS: Right effusion.\nIMPRESSION: Left effusion.", {}, True),
        ("FINDINGS: Right basal consolidation.\nIMPRESSION: Left pneumonia.", {}, True),
        ("FINDINGS: Right effusion.\nIMPRESSION: Effusion.", {}, False),
        ("FINDINGS: Right effusion, left opacity.\nIMPRESSION: Left pneumonia.", {}, False),
        ("FINDINGS: Left and right effusions.\nIMPRESSION: Left effusion.", {}, False),
        ("FINDINGS: Right effusion. No left effusion.\nIMPRESSION: Right effusion.", {}, False),
        ("Left pneumonia.", {"heatmap": "lower left"}, True),
        ("Right pneumonia.", {"heatmap": "lower left"}, False),
        ("Left pneumonia.", {"heatmap": "lower centre"}, False),
        ("Left effusion.", {"heatmap": "lower left"}, False),
        ("Left effusion.", {"told": ["Right effusion."] * 3}, True),
        ("Left effusion.", {"told": ["Right effusion."] * 2}, False),
        ("Left effusion.", {"told": ["Right effusion."] * 3 + ["Left effusion."]}, False),
        ("No left effusion.", {"told": ["Right effusion."] * 3}, False),
    ],
)
def test_wrong_sides(kinds, text, given, found):
    evidence = {}
    if zone := given.get("heatmap"):
        evidence["heatmap"] = HeatMapFact(
            label="pneumonia", method="gradcam", peak=(0.5, 0.5), zone=zone
        )
    if told := given.get("told"):
        evidence["neighbours"] = [
            Hit(rank=i, id=f"t{i}", similarity=0.9, text=words) for i, words in enumerate(told)
        ]
    assert (Kind.wrong_side in kinds(text, **evidence)) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FINDINGS: Right effusion.\nIMPRESSION: No pleural effusion.", True),
        ("Consolidation at the base. The lungs show no consolidation.", True),
        ("Right effusion. No left effusion.", False),
        ("Small effusion. No large effusion.", False),
        ("Basal consolidation. No other consolidation.", False),
        ("Possible pneumonia. No pneumonia is proven.", False),
        ("HISTORY: Pneumothorax.\n\nNo pneumothorax.", False),
    ],
)
def test_reports_that_deny_what_they_state(kinds, text, found):
    assert (Kind.contradiction in kinds(text)) is found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Right effusion, larger than on the prior study.", Kind.comparison),
        ("Compared to the previous radiograph the lungs are clear.", Kind.comparison),
        ("Interval improvement of the edema.", Kind.comparison),
        ("The heart is unchanged.", Kind.comparison),
        ("New opacity at the left base.", Kind.comparison),
        ("There is an effusion. It is larger now.", Kind.comparison),
        ("COMPARISON: Radiograph of 3 May.\nFINDINGS: Clear.", Kind.comparison),
        ("A 12 mm nodule.", Kind.measurement),
        ("Nodule of 1.2 x 0.8 cm.", Kind.measurement),
        ("The cardiothoracic ratio is 0.61.", Kind.measurement),
        ("Pneumothorax of 30% of the right hemithorax.", Kind.measurement),
        ("A 65-year-old man with pneumonia.", Kind.history),
        ("Pneumonia in a patient with a history of asthma.", Kind.history),
        ("INDICATION: Cough and fever.\nFINDINGS: Hazy.", Kind.history),
    ],
)
def test_inventions_are_found(kinds, text, kind):
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "COMPARISON: No earlier examination of this patient is available.",
        "COMPARISON: None.\nFINDINGS: Clear lungs.",
        "No prior study is available for comparison.",
        "The left lung is darker than the right.",
        "Increased opacity at the left base.",
        "The remaining lung is clear.",
        "Classifier probability 0.87, operating point 0.43; native resolution 28 × 28 pixels.",
        "Correlate with the history of fever, if any.",
        "CT is recommended if a nodule of more than 6 mm is suspected.",
        "HISTORY: Not provided.\nFINDINGS: Clear.",
        "Follow-up to confirm that the opacity has resolved is recommended.",
    ],
)
def test_what_is_seen_is_no_invention(kinds, text):
    assert kinds(text) == []


def test_what_a_note_says_is_no_invention(kinds):
    notes = ["65-year-old with a 12 mm nodule on the prior radiograph"]
    text = "A 65-year-old. A 12 mm nodule, unchanged."
    assert kinds(text, notes=notes) == []
    assert kinds(text, notes=["seen today"]) == [Kind.comparison, Kind.measurement, Kind.history]


def test_no_phantom_text_is_warned_of(kinds):
    config = PhantomConfig(count=150, size=16, seed=7, co_occurrence=0.5)
    for phantom in generate_phantoms(config, workers=1):
        assert kinds(phantom.report) == [], phantom.report
        assert kinds(phantom.caption) == [], phantom.caption


def test_few_of_the_labelers_texts_are_warned_of_wrongly(kinds):
    """Of 775 texts, among them real comparisons, histories and measures."""
    parts = read_reference(SENTENCES)
    wrong = Counter()
    for text, labels in (pair for texts in parts.values() for pair in texts):
        found = kinds(text)
        wrong.update(set(found) - {Kind.comparison, Kind.measurement, Kind.history})
        course = any(label.changes for label in labels)
        told = any(word in text.lower() for word in COURSE)
        wrong[Kind.comparison] += Kind.comparison in found and not (course or told)
    assert +wrong == Counter()


@pytest.mark.parametrize(
    ("flags", "refused"),
    [
        ({"out_of_distribution": True, "ood_score": 1.7}, True),
        ({"out_of_distribution": False, "ood_score": 0.7}, False),
        ({"abstain": True, "abstain_reasons": ["the 90 % set holds normal and pneumonia"]}, False),
        ({}, False),
    ],
)
def test_unlike_images_get_no_report(make_evidence, make_prediction, flags, refused):
    evidence = make_evidence(prediction=make_prediction(**flags))
    assert bool(refuse(evidence)) is refused


def test_a_refusal_says_what_is_unlike(make_evidence, make_prediction):
    reasons = ["in colour, while the training images are grey", "the 90 % set holds a and b"]
    prediction = make_prediction(out_of_distribution=True, ood_score=1.7, abstain_reasons=reasons)
    words = refuse(make_evidence(prediction=prediction))
    assert words == (
        "the image is unlike those the classifier was trained on (score 1.70, limit 1): "
        "in colour, while the training images are grey"
    )
    assert refuse(make_evidence(prediction=None)) is None
