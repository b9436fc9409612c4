"""What notes on the image say of a claim."""

from __future__ import annotations

import re

from reportgen.agreement.neighbours_opinion import text_statements
from reportgen.agreement.opinion import Opinion
from reportgen.agreement.statement import Statement, strongest
from reportgen.evidence import Evidence
from reportgen.labeler.finding import Side


def note_statements(evidence: Evidence) -> dict[str, tuple[Statement, ...]]:
    """Return what each note of a chest radiograph states, by id; dataset names say nothing."""
    name = re.compile(re.escape(evidence.dataset), re.I) if evidence.dataset else None
    return {
        f"M{n}": text_statements(name.sub(" ", note) if name else note)
        for n, note in enumerate(evidence.notes, start=1)
    }


def notes_opinion(claim: Statement, notes: dict[str, tuple[Statement, ...]]) -> Opinion:
    """Return the notes' opinion: a person wrote them, so one is enough, but two may differ."""
    stances = {name: _stance(claim, said) for name, said in notes.items()}
    supporting = [name for name, found in stances.items() if found > 0]
    opposing = [name for name, found in stances.items() if found < 0]
    both = supporting + opposing
    if not both:
        return Opinion()
    verb = "says" if len(both) == 1 else "say"
    words = f"{', '.join(supporting)} {verb} the same" if supporting else ""
    if opposing:
        words = f"{words}, " * bool(words) + f"{', '.join(opposing)} {verb} otherwise"
    return Opinion(
        stance=bool(supporting) - bool(opposing),
        supporting=supporting,
        opposing=opposing,
        words=words,
    )


def _stance(claim: Statement, said: tuple[Statement, ...]) -> int:
    found = strongest(claim, list(said))
    sides = {s.side for s in said if strongest(claim, [s]) > 0}
    one_sided = claim.side in (Side.left, Side.right) and len(sides) == 1
    other = {Side.left: Side.right, Side.right: Side.left}.get(claim.side or Side.bilateral)
    return -1 if found > 0 and one_sided and sides == {other} else found
