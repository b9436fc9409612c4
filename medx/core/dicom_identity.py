"""What in a DICOM header names a person, and whether a text repeats it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, MutableSequence
from typing import Any

#: Attributes whose words name the patient.
NAME_TAGS = ("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName")
#: Attributes whose whole value points at the patient or, in an archive, at the examination.
NUMBER_TAGS = (
    "PatientID", "OtherPatientIDs", "PatientBirthDate", "AccessionNumber", "StudyInstanceUID",
    "SeriesInstanceUID", "SOPInstanceUID",
)  # fmt: skip
#: Attributes that name a place or another person.
PLACE_TAGS = (
    "InstitutionName", "StationName", "InstitutionalDepartmentName", "ReferringPhysicianName",
    "PerformingPhysicianName", "OperatorsName",
)  # fmt: skip
IDENTITY_TAGS = (*NAME_TAGS, *NUMBER_TAGS, *PLACE_TAGS)

#: Shorter words, such as initials, stand in too many other words to be told from them.
_SHORTEST_WORD = 3


class Identity:
    """The identifying words of one DICOM file.

    Args:
        header: A pydicom dataset that holds ``IDENTITY_TAGS`` as far as the file does.
    """

    def __init__(self, header: Any) -> None:
        self._words = {word for tag in NAME_TAGS for word in _words(header, tag)}
        numbers = {_bare(value) for tag in NUMBER_TAGS for value in _values(header, tag)} - {""}
        self._numbers = {number for number in numbers if len(number) > _SHORTEST_WORD}
        # A patient number such as 7 stands in too many texts; alone in a path it is looked for.
        self._short_numbers = numbers - self._numbers
        places = {_spaced(value) for tag in PLACE_TAGS for value in _values(header, tag)}
        self._places = {place for place in places if len(place) >= _SHORTEST_WORD}

    def is_in_path(self, path: str) -> bool:
        """Return True when a path seems to hold a name or number of the patient."""
        folded, bare = _folded(path), _bare(path)
        return (
            any(word in folded for word in self._words)
            or any(number in bare for number in self._numbers)
            or not self._short_numbers.isdisjoint(_spaced(path).split())
        )

    def is_in_text(self, text: str) -> bool:
        """Return True when a text names the patient, the institution, the station or the staff."""
        spaced = _spaced(text)
        return (
            not set(spaced.split()).isdisjoint(self._words)
            or any(number in _bare(text) for number in self._numbers)
            or any(place in spaced for place in self._places)
        )


def _words(header: Any, tag: str) -> Iterator[str]:
    for value in _values(header, tag):
        for word in re.findall(r"[^\W\d_]+", _folded(value)):
            # Names in Chinese or Japanese characters are short.
            if len(word) >= _SHORTEST_WORD or not word.isascii():
                yield word


def _values(header: Any, tag: str) -> Iterator[str]:
    value = header.get(tag)
    several = value if isinstance(value, MutableSequence) else (value,)
    for one in several:
        if text := str(one if one is not None else "").strip():
            yield text


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", _folded(text))


def _spaced(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", _folded(text)))
