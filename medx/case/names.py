"""What image files are called in results: their names, unless those name a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from classify.predict_names import name_files


def name_images(paths: Sequence[Path]) -> list[str]:
    """Return one name a file, all different: its stem, or a number where that names its patient.

    Folders stay out: they often name patients, too.
    """
    names = []
    for number, path in enumerate(paths, start=1):
        named = name_files(path, [path])
        names.append(f"image-{number}" if named.hidden else path.stem)
    counts = Counter(names)
    taken = {name for name, count in counts.items() if count == 1}
    return [name if counts[name] == 1 else _free(name, n, taken) for n, name in enumerate(names, 1)]


def _free(name: str, number: int, taken: set[str]) -> str:
    """Return a name with a number that no other has, and take it."""
    made = f"{name}-{number}"
    while made in taken:
        made += "-other"
    taken.add(made)
    return made
