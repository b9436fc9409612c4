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
    shared = {name for name, count in Counter(names).items() if count > 1}
    return [
        f"{name}-{number}" if name in shared else name for number, name in enumerate(names, start=1)
    ]
