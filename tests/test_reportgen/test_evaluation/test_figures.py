"""Known answers on sets small enough to count by hand."""

import math

import pytest
from test_reportgen.test_evaluation.finished_runs import (
    NORMAL,
    PNEUMONIA,
    TRUE_REPORTS,
    claim,
    named,
    warning,
    write_report,
)

POSSIBLE, PRESENT, STATUSES = 1, 0, 2
EFFUSION = "FINDINGS:\nLeft pleural effusion.\n\nIMPRESSION:\nLeft pleural effusion."


def engine(result):
    return named(result, "scripted/concise")


def estimate(interval):
    return interval.estimate if interval else None


def test_true_reports_reach_one_in_everything(four):
    result = engine(four.evaluate(four.run("a", TRUE_REPORTS)))
    for score in result.statements:
        shares = (score.agreement, score.sensitivity, score.specificity)
        assert [estimate(share) for share in shares] == [1, 1, 1]
        assert (estimate(score.yes_bias), estimate(score.silent)) == (0, 0)
        assert (score.positives, score.normals, score.prevalence) == (2, 2, 0.5)
    for score in result.findings:
        assert [estimate(x) for x in (score.precision, score.recall, score.f1)] == [1, 1, 1]
        assert (estimate(score.macro_f1), estimate(score.f1_with_no_finding)) == (1, 1)
    assert (result.laterality.findings, estimate(result.laterality.accuracy)) == (2, 1)
    assert {name: estimate(x) for name, x in result.wording.items()} == {
        "BLEU": pytest.approx(1),
        "ROUGE-L": 1,
    }


def test_the_constant_report_is_the_most_frequent_of_train_and_states_nothing(four):
    result = named(four.evaluate(four.run("a", TRUE_REPORTS)), "constant report")
    assert "2 of 3" in result.about
    score = result.statements[POSSIBLE]
    assert (estimate(score.agreement), estimate(score.sensitivity)) == (0.5, 0)
    assert (estimate(score.specificity), estimate(score.yes_bias)) == (1, 0)
    found = result.findings[POSSIBLE]
    assert (estimate(found.recall), estimate(found.f1), found.precision) == (0, 0, None)
    # No Finding: 2 agreed of 4 given and 2 expected; pneumonia: 2 expected. 2 · 2 / (4 + 4).
    assert estimate(found.f1_with_no_finding) == 0.5
    # Two references are the very same words; the other two share "FINDINGS" and the like.
    assert 0.5 < estimate(result.wording["ROUGE-L"]) < 1


def test_shuffled_reports_are_those_of_other_images(four):
    result = four.evaluate(four.run("a", TRUE_REPORTS))
    shuffled = named(result, "shuffled scripted/concise")
    assert shuffled.findings[POSSIBLE].findings[-1].given == 2
    own = {"n1": EFFUSION, "n2": NORMAL, "p1": PNEUMONIA, "p2": PNEUMONIA}
    lonely = named(four.evaluate(four.run("b", own)), "shuffled scripted/concise")
    for row in lonely.findings[POSSIBLE].findings:
        if row.finding == "Pleural Effusion":
            assert (row.given, row.expected, row.agreed) == (1, 0, 0)


def test_one_false_alarm_and_one_miss(four):
    told = {"n1": PNEUMONIA, "n2": NORMAL, "p1": PNEUMONIA, "p2": NORMAL}
    result = engine(four.evaluate(four.run("a", told)))
    score = result.statements[POSSIBLE]
    assert [estimate(x) for x in (score.agreement, score.sensitivity, score.specificity)] == [
        0.5,
        0.5,
        0.5,
    ]
    assert estimate(score.yes_bias) == estimate(score.positive_rate) == 0.5
    found = result.findings[POSSIBLE]
    assert [estimate(x) for x in (found.precision, found.recall, found.f1)] == [0.5, 0.5, 0.5]


def test_doubt_counts_or_not_by_reading(four):
    possible = "FINDINGS:\nHazy.\n\nIMPRESSION:\nPossible pneumonia."
    result = engine(four.evaluate(four.run("a", {**TRUE_REPORTS, "p1": possible})))
    by_reading = {score.reading.name: score for score in result.statements}
    assert estimate(by_reading["possible"].sensitivity) == 1
    assert estimate(by_reading["present"].sensitivity) == 0.5


def test_the_impression_outweighs_a_differential(four):
    text = (
        "FINDINGS:\nHazy.\n\nDIFFERENTIAL DIAGNOSIS:\n1. Pneumonia\n2. Normal\n\n"
        "IMPRESSION:\nNo pneumonia."
    )
    result = engine(four.evaluate(four.run("a", {**TRUE_REPORTS, "n1": text})))
    assert estimate(result.statements[POSSIBLE].specificity) == 1


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (PNEUMONIA, 1),
        (PNEUMONIA.replace("right", "left").replace("Right", "Left"), 0),
        (PNEUMONIA.replace("right ", "").replace("Right pn", "Pn"), 0),
    ],
)
def test_sides(text, right, four):
    result = engine(four.evaluate(four.run("a", {**TRUE_REPORTS, "p1": text, "p2": text})))
    assert result.laterality.findings == 2
    assert estimate(result.laterality.accuracy) == right
    assert estimate(result.laterality.stated) == ("left" in text.lower() or "right" in text.lower())


def test_a_missing_report_is_counted_and_helps_nobody(four):
    told = {name: text for name, text in TRUE_REPORTS.items() if name != "n1"}
    run = four.run("a", told, failures=[("n1", "concise", "no memory")])
    evaluated = four.evaluate(run)
    result = engine(evaluated)
    assert [(m.image_id, m.reason) for m in result.missing] == [("n1", "no memory")]
    assert (result.images, result.reports) == (4, 3)
    score = result.statements[POSSIBLE]
    assert [estimate(x) for x in (score.agreement, score.specificity)] == [0.75, 0.5]
    assert (estimate(score.yes_bias), estimate(score.silent)) == (0, 0.25)
    assert "scripted/concise has no report on 1 image" in " ".join(evaluated.notes)


def test_silence_is_not_specific(four):
    told = dict.fromkeys(TRUE_REPORTS, "I am sorry, but I cannot help with that.")
    score = engine(four.evaluate(four.run("a", told))).statements[POSSIBLE]
    assert [estimate(x) for x in (score.agreement, score.specificity)] == [0, 0]
    assert (estimate(score.yes_bias), estimate(score.silent)) == (0, 1)


def test_quality_counts_contract_claims_citations_and_warnings(four):
    run = four.run("a", {"n1": NORMAL, "n2": "Looks fine."}, schema_valid=True)
    write_report(
        run,
        "p1",
        PNEUMONIA,
        agreement=claim(PNEUMONIA, "Right pneumonia", "contradict"),
        warnings=[warning("unresolvable anatomy"), warning("no citation")],
        schema_valid=False,
    )
    write_report(run, "p2", PNEUMONIA, agreement=claim(PNEUMONIA, "Right", "unsupported"))
    evaluated = four.evaluate(run)
    quality = engine(evaluated).quality
    assert (quality.reports, estimate(quality.contract_met)) == (4, 0.75)
    assert quality.missing_sections == {"findings": 1, "impression": 1}
    assert (quality.asked_as_json, estimate(quality.schema_valid)) == (3, pytest.approx(2 / 3))
    assert (quality.checked, quality.claims) == (2, 2)
    assert estimate(quality.contradicting) == estimate(quality.unsupported) == 0.5
    assert estimate(quality.contradicted_claims) == 0.5
    assert {k: v.estimate for k, v in quality.warnings.items()} == {
        "unresolvable anatomy": 0.25,
        "no citation": 0.25,
    }
    assert (quality.tokens, quality.prompt_tokens, quality.seconds) == (40, 100, 0.5)
    assert quality.citing is None


def test_citations_are_asked_of_reports_that_had_evidence(four):
    run = four.run(
        "a", {"n1": {"text": NORMAL, "cited": ["P1"]}, "n2": NORMAL}, prediction="normal"
    )
    write_report(run, "p1", PNEUMONIA, prediction="pneumonia", cited=["N9"])
    write_report(run, "p2", PNEUMONIA)
    quality = engine(four.evaluate(run)).quality
    assert estimate(quality.citing) == pytest.approx(1 / 3)


def test_the_classifier_stands_beside(four):
    run = four.run("a", {name: TRUE_REPORTS[name] for name in ("n1", "n2")}, prediction="normal")
    for name in ("p1", "p2"):
        write_report(run, name, PNEUMONIA, prediction="normal")
    result = named(four.evaluate(run), "classifier")
    score = result.statements[POSSIBLE]
    assert (estimate(score.sensitivity), estimate(score.specificity)) == (0, 1)
    assert (result.findings, result.laterality, result.quality) == ([], None, None)


def test_two_classifiers_are_told(four):
    one = four.run("a", TRUE_REPORTS, prediction="normal")
    two = four.run("b", TRUE_REPORTS, prediction="normal", classifier="other")
    (note,) = (note for note in four.evaluate(one, two).notes if "classifiers" in note)
    assert "other" in note


def test_flips_between_strategies_and_runs(four):
    one = four.run("a", TRUE_REPORTS)
    for name in TRUE_REPORTS:
        write_report(one, name, PNEUMONIA, strategy="structured")
    two = four.run("b", {**TRUE_REPORTS, "p1": NORMAL})
    result = four.evaluate(one, two)
    rates = {(f.first, f.second): (f.changed, estimate(f.rate), f.chance) for f in result.flips}
    assert rates["a: scripted/concise", "a: scripted/structured"] == ("strategy", 0.5, 0.5)
    assert rates["a: scripted/concise", "b: scripted/concise"] == ("run", 0.25, 0.5)
    groups = {group.changed: estimate(group.rate) for group in result.flip_groups}
    assert groups == {"strategy": 0.5, "run": 0.25}


def test_paired_tests_are_exact_on_labels_and_corrected(four):
    one = four.run("a", TRUE_REPORTS)
    for name in TRUE_REPORTS:
        write_report(one, name, NORMAL, strategy="structured")
    tests = four.evaluate(one).tests
    found = {(t.first, t.second, t.statistic): t for t in tests}
    agreement = found["scripted/concise", "scripted/structured", "label agreement"]
    assert (agreement.difference.estimate, agreement.only_first, agreement.p_value) == (
        -0.5,
        2,
        0.5,
    )
    assert agreement.method == "McNemar, exact"
    f1 = found["constant report", "scripted/concise", "finding F1"]
    assert f1.difference.estimate == 1
    assert all(t.p_adjusted >= t.p_value for t in tests)


def test_too_few_resamples_for_that_many_tests_are_told(four):
    run = four.run("a", TRUE_REPORTS)
    told = four.evaluate(run, resamples=200).notes
    assert not any("resamples are too few" in note for note in told)
    assert any("resamples are too few" in note for note in four.evaluate(run, resamples=40).notes)


def test_patients_are_resampled_whole(runs):
    for i in range(12):
        label = "pneumonia" if i % 2 else "normal"
        runs.image(f"i{i}", label, group=f"patient-{i // 4}", report=PNEUMONIA if i % 2 else NORMAL)
    runs.dataset()
    told = {f"i{i}": PNEUMONIA if i % 3 else NORMAL for i in range(12)}
    result = runs.evaluate(runs.run("a", told))
    assert result.unit == "patient"
    share = engine(result).statements[POSSIBLE].agreement
    assert share.method == "percentile bootstrap"
    assert share.low <= share.estimate <= share.high
    assert result.tests[0].method.endswith("by patient")


def test_all_or_none_of_one_patient_is_no_evidence_of_many(runs):
    for i in range(6):
        runs.image(f"n{i}", group="one patient")
        runs.image(f"p{i}", "pneumonia", group=f"patient {i}", report=PNEUMONIA)
    runs.dataset()
    result = engine(
        runs.evaluate(runs.run("a", {f"{k}{i}": NORMAL for k in "np" for i in range(6)}))
    )
    score = result.statements[POSSIBLE]
    of_one, of_six = score.specificity, score.sensitivity
    assert (of_one.estimate, of_one.method) == (1, "exact binomial of patients")
    assert of_one.low == pytest.approx(0.025)
    assert of_six.high == pytest.approx(1 - 0.025 ** (1 / 6))


def test_no_share_is_certain(four):
    wrong = claim(PNEUMONIA, "Right pneumonia", "agree")
    told = {name: {"text": text, "agreement": wrong} for name, text in TRUE_REPORTS.items()}
    result = engine(four.evaluate(four.run("a", told)))
    assert result.laterality.accuracy.low == pytest.approx(0.025**0.5)  # two images
    assert result.quality.contradicted_claims.high == pytest.approx(1 - 0.025**0.25)


def test_several_classes_are_stated_one_by_one(runs):
    names = {"a": "normal", "b": "pneumonia", "c": "pleural effusion"}
    for name, label in names.items():
        runs.image(name, label)
    runs.dataset(classes=["normal", "pneumonia", "pleural effusion"])
    told = {"a": NORMAL, "b": EFFUSION, "c": EFFUSION}
    result = runs.evaluate(runs.run("a", told))
    score = engine(result).statements[POSSIBLE]
    assert estimate(score.agreement) == pytest.approx(2 / 3)
    assert estimate(score.sensitivity) == 0.5
    rows = {
        row.label: (estimate(row.sensitivity), estimate(row.specificity)) for row in score.classes
    }
    assert rows == {"pneumonia": (0, 1), "pleural effusion": (1, 0.5)}


def test_classes_of_other_pictures_are_read_by_their_names(runs):
    for name, label in (("a", "Uninfected"), ("b", "Parasitized"), ("c", "Parasitized")):
        runs.image(name, label)
    runs.dataset(classes=["Uninfected", "Parasitized"])
    told = {
        "a": "FINDINGS:\nA round cell.\n\nIMPRESSION:\nNot parasitized.",
        "b": "FINDINGS:\nA dark ring.\n\nIMPRESSION:\nParasitized cell.",
        "c": "FINDINGS:\nA round cell.\n\nIMPRESSION:\nUninfected.",
    }
    run = runs.run("a", told, modality="blood smear")
    score = engine(runs.evaluate(run)).statements[POSSIBLE]
    assert [estimate(x) for x in (score.sensitivity, score.specificity, score.agreement)] == [
        0.5,
        1,
        pytest.approx(2 / 3),
    ]


def test_bleu_is_that_of_the_library_over_the_corpus(four):
    from sacrebleu.metrics.bleu import BLEU

    told = {**TRUE_REPORTS, "n1": EFFUSION, "p1": NORMAL}
    result = engine(four.evaluate(four.run("a", told)))
    texts = [told[name] for name in sorted(told)]
    references = [TRUE_REPORTS[name] for name in sorted(told)]
    expected = BLEU().corpus_score(texts, [references]).score / 100
    assert estimate(result.wording["BLEU"]) == pytest.approx(expected)
    assert not math.isclose(expected, 1)
