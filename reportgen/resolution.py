"""What a picture of a given size can show, and reports that claim more."""

from __future__ import annotations

import re

from reportgen.modality import modality_of

#: Below this many pixels on the short side, small structures are not there to be seen.
COARSE = 64

_ADMITS = re.compile(
    r"cannot|can ?not|can't|not (be )?(assess|resolv|seen|shown|judg|visib|evaluat)|too (small|low)"
    r"|beyond|below the resolution",
    re.I,
)


def resolution_note(image_size: tuple[int, int], modality: str) -> str:
    """Say in one or two sentences what a picture of ``(height, width)`` can show."""
    short = min(image_size)
    if short >= 512:
        return "The resolution allows a usual description."
    if short >= 256:
        return "Small structures may be lost at this resolution; say so where it matters."
    if short >= COARSE:
        return (
            "This is a strongly reduced picture: describe gross findings only, and write that "
            "fine structures are not assessable."
        )
    examples = modality_of(modality).fine_structures[:6]
    named = f" ({', '.join(examples)} and the like)" if examples else ""
    return (
        "So small a picture shows overall brightness, large shapes and gross asymmetry, nothing "
        f"finer. Do not name or describe small structures{named}, neither as present nor as "
        "absent; write 'not assessable at this resolution' instead."
    )


def unresolvable_terms(text: str, image_size: tuple[int, int], modality: str) -> list[str]:
    """Return structures that ``text`` describes although the picture is too small for them.

    Sentences that say that something cannot be assessed do not count.
    """
    if min(image_size) >= COARSE:
        return []
    claims = [s for s in re.split(r"(?<=[.;])\s|\n", text) if not _ADMITS.search(s)]
    found = []
    for term in modality_of(modality).fine_structures:
        pattern = re.compile(rf"\b{re.escape(term)}s?\b", re.I)
        if any(pattern.search(claim) for claim in claims):
            found.append(term)
    return found
