"""The three strategies that come with medx."""

from __future__ import annotations

from importlib import resources

from reportgen.strategies.base import SectionKind, SectionSpec, Strategy

_NEEDS = (
    "specialist", "modality", "height", "width", "resolution_note", "synthetic", "items",
)  # fmt: skip

_IMPRESSION = SectionSpec(
    name="impression", aliases=("conclusion", "opinion", "summary"), max_characters=300
)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


_SYSTEM = _read("system.txt.j2").strip()
_PREAMBLE = _read("preamble.md.j2")

CONCISE = Strategy(
    name="concise",
    version=1,
    summary="Two or three sentences and an impression.",
    system_prompt=_SYSTEM,
    template=_PREAMBLE + _read("concise.md.j2"),
    sections=(SectionSpec(name="findings", aliases=("description",)), _IMPRESSION),
    needs=_NEEDS,
    max_new_tokens=200,
)

STRUCTURED = Strategy(
    name="structured",
    version=1,
    summary="Technique, comparison, findings by region, impression, recommendation.",
    system_prompt=_SYSTEM,
    template=_PREAMBLE + _read("structured.md.j2"),
    sections=(
        SectionSpec(name="technique", aliases=("examination", "procedure"), max_characters=160),
        SectionSpec(name="comparison", aliases=("comparisons",), max_characters=160),
        SectionSpec(name="findings", kind=SectionKind.regions, min_entries=1, max_characters=200),
        _IMPRESSION,
        SectionSpec(name="recommendation", aliases=("recommendations",), max_characters=200),
    ),
    needs=(*_NEEDS, "regions"),
    max_new_tokens=400,
)

DIFFERENTIAL = Strategy(
    name="differential",
    version=1,
    summary="Ranked diagnoses, each with what speaks for and against it.",
    system_prompt=_SYSTEM,
    template=_PREAMBLE + _read("differential.md.j2"),
    sections=(
        SectionSpec(name="findings", aliases=("description",)),
        SectionSpec(
            name="differential",
            kind=SectionKind.ranked,
            aliases=("differential diagnosis", "differential diagnoses"),
            min_entries=2,
            max_characters=200,
        ),
        _IMPRESSION,
    ),
    needs=_NEEDS,
    max_new_tokens=500,
)
