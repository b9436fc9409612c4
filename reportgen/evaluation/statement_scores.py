"""What reports state of the classes, against the labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reportgen.evaluation.results import ClassStatement, Reading, StatementScore
from reportgen.evaluation.statements import Statement
from reportgen.evaluation.tally import Doubles, Sums, flags

#: How a statement is read.
READINGS = (Reading.present, Reading.possible)

Classes = frozenset[str]

#: A question to one image: yes, no, or None where it does not count.
_Question = Callable[[Statement, Classes, Reading], bool | None]


def is_right(said: Statement, true: Classes, reading: Reading) -> bool:
    """Return whether a report states just the true classes; silence is not right."""
    return said.speaks and said.stated(reading) == true


_SHARES: dict[str, _Question] = {
    "agreement": is_right,
    "sensitivity": lambda said, true, reading: bool(said.stated(reading) & true) if true else None,
    "specificity": lambda said, true, reading: (
        None if true else said.speaks and not said.stated(reading)
    ),
    "yes_bias": lambda said, true, reading: None if true else bool(said.stated(reading)),
    "positive_rate": lambda said, _, reading: bool(said.stated(reading)),
    "abnormal_normals": lambda said, true, reading: None if true else said.is_abnormal(reading),
    "silent": lambda said, _, __: not said.speaks,
}


def tally_statements(
    statements: Sequence[Statement | None],
    true: Sequence[Classes | None],
    classes: Sequence[str],
) -> dict[str, Doubles]:
    """Return what each image adds to every share.

    Args:
        statements: By image; None where a contender was not asked.
        true: True classes without the normal one, by image; None where there is no label.
        classes: Without the normal one.
    """
    questions = {**_SHARES, **_class_questions(classes)}
    columns = {}
    for reading in READINGS:
        for name, ask in questions.items():
            answers = [
                None if said is None or t is None else ask(said, t, reading)
                for said, t in zip(statements, true, strict=True)
            ]
            columns[f"{reading.name} {name}"] = flags(
                [answer is True for answer in answers], [answer is not None for answer in answers]
            )
    return columns


def score_statements(
    sums: Mapping[str, Sums], true: Sequence[Classes], classes: Sequence[str]
) -> list[StatementScore]:
    """Return every share with its interval, by reading; none where no image is labelled.

    Args:
        sums: Of ``tally_statements``.
        true: True classes of the labelled images that the contender was asked about.
        classes: Without the normal one.
    """
    if not true:
        return []
    positives = sum(bool(t) for t in true)
    return [
        StatementScore(
            reading=reading,
            images=len(true),
            positives=positives,
            normals=len(true) - positives,
            prevalence=positives / len(true),
            classes=[
                ClassStatement(
                    label=name,
                    positives=sum(name in t for t in true),
                    sensitivity=sums[f"{reading.name} sensitivity of {name}"].share(),
                    specificity=sums[f"{reading.name} specificity of {name}"].share(),
                )
                for name in classes
            ],
            **{name: sums[f"{reading.name} {name}"].share() for name in _SHARES},
        )
        for reading in READINGS
    ]


def _class_questions(classes: Sequence[str]) -> dict[str, _Question]:
    def sensitivity(name: str) -> _Question:
        return lambda said, true, reading: name in said.stated(reading) if name in true else None

    def specificity(name: str) -> _Question:
        return lambda said, true, reading: (
            None if name in true else said.speaks and name not in said.stated(reading)
        )

    asked: dict[str, _Question] = {f"sensitivity of {name}": sensitivity(name) for name in classes}
    asked.update({f"specificity of {name}": specificity(name) for name in classes})
    return asked
