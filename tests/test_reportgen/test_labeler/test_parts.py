"""The pieces that the labeler is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medx.core.errors import InputError
from reportgen.labeler.finding import Finding, Side, Status
from reportgen.labeler.labeler import find_mentions, label_report
from reportgen.labeler.lexicon import load_lexicon
from reportgen.labeler.mention import Mention
from reportgen.labeler.passages import find_passages
from reportgen.labeler.reference import read_labels, read_reference
from reportgen.labeler.report_labels import aggregate
from reportgen.labeler.scoring import score
from reportgen.labeler.sentences import find_sentences
from reportgen.labeler.spelling import count_errors
from reportgen.labeler.templates import expand
from reportgen.labeler.tokens import tokenise


def test_templates_stand_for_all_their_phrases():
    assert set(expand("no [big] (sign|trace of)")) == {
        ("no", "sign"),
        ("no", "trace", "of"),
        ("no", "big", "sign"),
        ("no", "big", "trace", "of"),
    }


def test_templates_nest():
    assert set(expand("(a [b]|c)")) == {("a",), ("a", "b"), ("c",)}


@pytest.mark.parametrize("template", ["(a", "a)", "[a|b", "a]"])
def test_open_brackets_are_refused(template):
    with pytest.raises(ValueError, match="brackets must match"):
        expand(template)


def _errors(first, second):
    """Optimal string alignment, by its definition."""
    if not first or not second:
        return len(first) + len(second)
    costs = [
        _errors(first[:-1], second) + 1,
        _errors(first, second[:-1]) + 1,
        _errors(first[:-1], second[:-1]) + (first[-1] != second[-1]),
    ]
    if len(first) > 1 and len(second) > 1 and first[-2:] == second[-2:][::-1]:
        costs.append(_errors(first[:-2], second[:-2]) + 1)
    return min(costs)


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 3))
def test_errors_are_counted_up_to_the_limit(first, second, limit):
    assert count_errors(first, second, limit) == min(_errors(first, second), limit + 1)


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("effusions", "effusion"),
        ("opacities", "opacity"),
        ("oedema", "edema"),
        ("pnuemothorax", "pneumothorax"),
        ("internal", "internal"),
        ("abnormal", "abnormal"),
        ("edemaa", "edemaa"),
        ("positional", "positional"),
    ],
)
def test_words_are_spelt_in_one_way(written, spelt):
    assert load_lexicon().speller.spell(written) == spelt


def test_hyphens_inside_words_are_left_out():
    assert [t.word for t in tokenise("left-sided 1.2 cm air–space - L>R")] == [
        "left", "sided", "1.2", "cm", "air", "–", "space", "-", "l", ">", "r",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Effusion vs. atelectasis.", 1),
        ("Nodule of 1.2 cm. No mass.", 2),
        ("There is a new right\nlower lobe opacity.", 1),
        ("- No effusion\n- Cardiomegaly", 2),
        ("No effusion\nHeart is enlarged", 2),
        ("Clear lungs.No effusion.", 2),
        ("Mild edema; small effusion", 2),
    ],
)
def test_sentences(text, count):
    tokens = tokenise(text)
    assert len([s for s in find_sentences(text, tokens) if len(s) > 1]) == count


def test_headings_cut_a_report():
    text = "HISTORY: Cough.\nFINDINGS: Clear.\n\nNote.\nImpression: Normal. COMPARISON: None."
    passages = find_passages(text, load_lexicon())
    kinds = [(p.heading, p.kind) for p in passages if text[p.start : p.end].strip()]
    assert kinds == [
        ("history", "before"),
        ("findings", "stated"),
        ("impression", "stated"),
        ("comparison", "before"),
    ]


def test_a_history_is_no_report_where_one_follows():
    history = "Reason: cough. Effusion on prior."
    assert [mention.stated for mention in find_mentions(history)] == [True]
    assert [m.stated for m in find_mentions(f"{history}\n\nStable exam.")] == [False]


def test_the_word_of_a_heading_in_a_sentence_is_no_heading():
    text = "In comparison: no effusion. There is a finding of edema."
    assert [p.heading for p in find_passages(text, load_lexicon())] == [""]


def test_a_mention_says_where_it_is_and_why():
    text = "INDICATION: Pneumonia?\nFINDINGS: The lungs show no consolidation."
    asked, seen = find_mentions(text)
    assert (asked.finding, asked.stated, asked.section) == (Finding.pneumonia, False, "indication")
    assert (seen.status, seen.cues, seen.section) == (Status.absent, ["no"], "findings")
    assert text[slice(*seen.sentence)] == "The lungs show no consolidation"


def test_a_state_covers_structure_and_state():
    (mention,) = find_mentions("The heart is markedly enlarged.")
    assert mention.text == "heart is markedly enlarged"


def _mention(finding, status, **changes):
    values = {"start": 0, "end": 1, "text": "x", "sentence": (0, 1)}
    return Mention(finding=finding, status=status, **{**values, **changes})


def test_present_outweighs_uncertain_outweighs_absent():
    mentions = [_mention(Finding.edema, status) for status in reversed(Status)]
    for count, status in ((3, Status.present), (2, Status.uncertain), (1, Status.absent)):
        assert aggregate(mentions[:count]).status(Finding.edema) is status


def test_left_and_right_make_bilateral():
    mentions = [
        _mention(Finding.pleural_effusion, Status.present, side=side)
        for side in (Side.left, Side.right)
    ]
    assert aggregate(mentions).label(Finding.pleural_effusion).side is Side.bilateral


def test_what_is_not_stated_does_not_count():
    assert aggregate([_mention(Finding.edema, Status.present, stated=False)]).findings == []


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("No pneumothorax.", Status.present),
        ("NG tube in place. Lungs are clear.", Status.present),
        ("No pneumothorax. Possible edema.", None),
        ("Normal chest. Rib fracture.", None),
        ("NG tube in place.", None),
        ("The trachea is midline.", None),
    ],
)
def test_no_finding_only_when_nothing_but_devices_is_there(text, status):
    assert label_report(text).status(Finding.no_finding) is status


def test_scores_by_hand():
    codes = {"a": Finding.edema, "b": Finding.pneumonia}
    given = [read_labels("a+ left; b-", codes), read_labels("a?", codes)]
    expected = [read_labels("a+ right; b-", codes), read_labels("a+", codes)]
    scores = {s.aspect: s for s in score(given, expected)}
    assert scores["status"].f1.estimate == pytest.approx(2 / 3)
    assert (scores["present"].precision, scores["present"].recall) == (1, 0.5)
    assert (scores["side"].agreed, scores["side"].given, scores["side"].expected) == (0, 1, 1)


def test_scoring_nothing_is_refused():
    with pytest.raises(ValueError, match="as many"):
        score([], [])


@pytest.mark.parametrize("line", ["x+", "a! left", "a+ sideways", "a+ left right"])
def test_unreadable_labels_name_their_file(tmp_path, line):
    path = tmp_path / "own.yaml"
    path.write_text(f"codes: {{a: Edema}}\nmine:\n  'A sentence.': {line}\n")
    with pytest.raises(InputError, match=r"own\.yaml"):
        read_reference(path)
