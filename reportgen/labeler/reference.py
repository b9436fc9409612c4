"""Texts with the labels they should get, from a file that a person wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medx.core.errors import InputError
from medx.core.yaml_files import read_yaml_mapping
from reportgen.labeler.finding import Change, Finding, Side, Status, Zone
from reportgen.labeler.report_labels import FindingLabel

_STATUSES = {"+": Status.present, "?": Status.uncertain, "-": Status.absent}
_NOTHING = "none"


def read_reference(path: Path) -> dict[str, list[tuple[str, list[FindingLabel]]]]:
    """Return the texts of each part with their labels.

    Args:
        path: YAML with ``codes`` (code: finding) and, for each part, ``text: labels``, the
            labels as in ``eff+ left basal; ptx-``.

    Raises:
        InputError: When it cannot be read or a label cannot.
    """
    data = read_yaml_mapping(path, f"the labelled texts {path}")
    try:
        codes = {str(code): Finding(name) for code, name in data.pop("codes").items()}
        return {part: _read_part(texts, codes) for part, texts in data.items()}
    except (KeyError, ValueError, AttributeError) as error:
        raise InputError(f"cannot read the labelled texts {path}: {error}") from error


def _read_part(
    texts: dict[str, Any], codes: dict[str, Finding]
) -> list[tuple[str, list[FindingLabel]]]:
    return [(text, read_labels(str(line), codes)) for text, line in texts.items()]


def read_labels(line: str, codes: dict[str, Finding]) -> list[FindingLabel]:
    """Read ``eff+ left basal; ptx-``.

    Raises:
        KeyError: At an unknown code.
        ValueError: At an unknown word.
    """
    parts = [part.split() for part in line.split(";")]
    return [_read_label(part, codes) for part in parts if part and part != [_NOTHING]]


def _read_label(words: list[str], codes: dict[str, Finding]) -> FindingLabel:
    rest = set(words[1:])
    sides = [side for side in Side if side.value in rest]
    zones = [zone for zone in Zone if zone.value in rest]
    changes = [change for change in Change if change.value in rest]
    known = {side.value for side in sides} | {zone.value for zone in zones}
    known |= {change.value for change in changes}
    if rest - known or len(sides) > 1:
        raise ValueError(f"cannot read {' '.join(words)!r}")
    return FindingLabel(
        finding=codes[words[0][:-1]],
        status=_STATUSES[words[0][-1]],
        side=sides[0] if sides else None,
        zones=zones,
        changes=changes,
    )
