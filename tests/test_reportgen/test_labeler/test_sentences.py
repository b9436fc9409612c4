"""The labeler against labels that a person gave."""

from __future__ import annotations

from reportgen.labeler.keyword import label_by_keywords
from reportgen.labeler.labeler import label_report
from reportgen.labeler.report_labels import FindingLabel
from reportgen.labeler.scoring import score, stated_labels


def _plain(label: FindingLabel):
    if label.status.value == "absent":
        return label.finding.value, "absent"
    place = (label.side, tuple(label.zones), tuple(label.changes))
    return label.finding.value, label.status.value, *place


def _scores(labeler, texts):
    given = [stated_labels(labeler(text).findings) for text, _ in texts]
    return {s.aspect: s.f1.estimate for s in score(given, [labels for _, labels in texts])}


def test_there_are_enough_sentences_and_none_is_in_both_parts(reference):
    tune, test = ({text for text, _ in reference[part]} for part in ("tune", "test"))
    assert len(tune) + len(test) >= 500
    assert len(test) >= 170
    assert not tune & test


def test_every_sentence_of_the_tuned_part_is_right(reference):
    wrong = []
    for text, expected in reference["tune"]:
        given = stated_labels(label_report(text).findings)
        if sorted(map(_plain, given), key=str) != sorted(map(_plain, expected), key=str):
            wrong.append(text)
    assert wrong == []


def test_the_untouched_part_is_right_nearly_always(reference):
    scores = _scores(label_report, reference["test"])
    assert scores["status"] >= 0.95
    assert min(scores[aspect] for aspect in ("present", "absent", "side")) >= 0.95
    assert min(scores.values()) >= 0.9


def test_rules_beat_keywords_by_far(reference):
    rules, keywords = (_scores(f, reference["test"]) for f in (label_report, label_by_keywords))
    assert rules["status"] > keywords["status"] + 0.2
    assert keywords["absent"] == 0
