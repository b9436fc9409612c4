"""What must hold of any set of reports."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medx.core.bootstrap import Bootstrap
from reportgen.evaluation.baselines import most_frequent, shuffled_subject
from reportgen.evaluation.candidate import candidate_of
from reportgen.evaluation.findings import score_findings, score_sides, tally_findings
from reportgen.evaluation.results import Kind, Reading
from reportgen.evaluation.statement_scores import score_statements, tally_statements
from reportgen.evaluation.statements import ClassReader
from reportgen.evaluation.subject import Subject, say_all
from reportgen.evaluation.tally import draw
from reportgen.labeler.labeler import label_report

SENTENCES = (
    "Right pneumonia.", "Left pleural effusion.", "Cardiomegaly.", "No pneumothorax.",
    "Possible edema.", "A nodule in the left upper zone.", "No pleural effusion.",
)  # fmt: skip
READER = ClassReader(names=("pneumonia", "pleural effusion"), normal="normal", chest=True)
HOW = Bootstrap(resamples=60)

texts = st.lists(st.sampled_from(SENTENCES), max_size=4, unique=True).map(" ".join)
pairs = st.lists(st.tuples(texts, texts), min_size=2, max_size=8)
quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def scores(found):
    given_labels = [label_report(text) for text, _ in found]
    expected = [label_report(text) for _, text in found]
    tally = tally_findings(given_labels, expected, [True] * len(found))
    (sums,) = draw([tally], HOW)
    return score_findings(sums), score_sides(sums)


@quick
@given(pairs)
def test_figures_lie_between_0_and_1_and_in_their_intervals(found):
    measured, sides = scores(found)
    shares = [x for s in measured for x in (s.precision, s.recall, s.f1, s.macro_f1)]
    for share in [*shares, sides.accuracy, sides.stated]:
        assert share is None or 0 <= share.low <= share.estimate <= share.high <= 1


@quick
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_images_changes_no_figure(found, random):
    other = list(found)
    random.shuffle(other)
    for one, two in zip(scores(found)[0], scores(other)[0], strict=True):
        assert (one.f1 and one.f1.estimate) == (two.f1 and two.f1.estimate)
        assert one.findings == [
            row.model_copy(update={"f1": own.f1})
            for row, own in zip(two.findings, one.findings, strict=True)
        ]


@quick
@given(pairs, st.integers(0, 7))
def test_an_unrelated_finding_never_raises_precision(found, where):
    where %= len(found)
    before, _ = scores(found)
    given_text, reference = found[where]
    more = [*found]
    more[where] = (f"{given_text} Rib fracture.", reference)
    after, _ = scores(more)
    for one, two in zip(before, after, strict=True):
        if one.precision is not None:
            assert two.precision.estimate <= one.precision.estimate
        if one.f1 is not None:
            assert two.f1.estimate <= one.f1.estimate


@quick
@given(pairs)
def test_precision_and_recall_change_places_with_the_texts(found):
    one, _ = scores(found)
    two, _ = scores([(reference, text) for text, reference in found])
    for here, there in zip(one, two, strict=True):
        assert (here.precision and here.precision.estimate) == (
            there.recall and there.recall.estimate
        )


@quick
@given(pairs)
def test_doubt_never_takes_a_statement_away(found):
    statements = say_all([candidate_of(text) for text, _ in found], [True] * len(found), READER)
    for said in statements:
        assert said.stated(Reading.present) <= said.stated(Reading.possible)


@quick
@given(st.lists(st.tuples(texts, st.sampled_from(["", "pneumonia"])), min_size=1, max_size=8))
def test_specificity_and_yes_bias_and_silence_share_the_normals(found):
    statements = say_all([candidate_of(text) for text, _ in found], [True] * len(found), READER)
    true = [frozenset({label} - {""}) for _, label in found]
    (sums,) = draw([tally_statements(statements, true, READER.names)], HOW)
    for score in score_statements(sums, true, READER.names):
        if score.normals:
            assert score.specificity.estimate + score.yes_bias.estimate <= 1 + 1e-9
        for share in (score.agreement, score.positive_rate, score.silent):
            assert share.low <= share.estimate <= share.high


@quick
@given(st.lists(texts, min_size=2, max_size=9, unique=True), st.integers(0, 5))
def test_shuffled_reports_are_the_same_ones_on_other_images(found, seed):
    candidates = [candidate_of(text) for text in found]
    asked = [True] * len(found)
    own = Subject(
        name="own",
        kind=Kind.engine,
        about="",
        candidates=[None, *candidates],
        statements=say_all([None, *candidates], [True, *asked], READER),
    )
    shuffled = shuffled_subject(own, READER, seed)
    assert shuffled.candidates[0] is None
    moved = [candidate.text for candidate in shuffled.candidates[1:]]
    assert sorted(moved) == sorted(found)
    assert all(one != two for one, two in zip(moved, found, strict=True))


def test_one_report_cannot_be_shuffled():
    candidates = [None, candidate_of("Pneumonia.")]
    statements = say_all(candidates, [True, True], READER)
    own = Subject(
        name="own", kind=Kind.engine, about="", candidates=candidates, statements=statements
    )
    assert shuffled_subject(own, READER, 0) is None


def test_the_most_frequent_report_does_not_hang_on_order():
    reports = ["A mass.", "Pneumonia.", "Right pneumonia.", "No pneumonia."]
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert most_frequent(list(rng.permutation(reports))) == ("Pneumonia.", 1)
    assert most_frequent([*reports, "A mass."]) == ("A mass.", 2)
