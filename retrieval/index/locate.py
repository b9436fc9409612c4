"""Finding index folders by name."""

from __future__ import annotations

from pathlib import Path

from medx.core import settings
from medx.core.errors import InputError, UnknownNameError
from medx.core.files import safe_name

DESCRIPTION_FILE = "index.json"
FULL_PRECISION = "fp32"


def index_name(dataset: str, encoder: str, precision: str = FULL_PRECISION) -> str:
    """Return the name an index gets when the user gives none: ``<dataset>-<encoder>``.

    One of a lower precision has that at its end.
    """
    name = f"{safe_name(dataset)}-{safe_name(encoder)}"
    return name if precision == FULL_PRECISION else f"{name}-{precision}"


def new_index_dir(name: str) -> Path:
    """Return the folder where an index called ``name`` goes; a path is taken as it is.

    Raises:
        InputError: When the name cannot be a folder name.
    """
    if not name.strip() or name in {".", ".."}:
        raise InputError(f"{name!r} cannot name an index", hint="use letters, digits and dashes")
    return Path(name) if _is_path(name) else settings.index_dir() / name


def find_index_dir(name: str) -> Path:
    """Return the folder of an index given by name or path.

    Raises:
        UnknownNameError: When no index has that name.
        InputError: When the path is not a folder.
    """
    folder = new_index_dir(name)
    if folder.is_dir():
        return folder
    if not _is_path(name) and Path(name).is_dir():
        return Path(name)
    if _is_path(name):
        raise InputError(f"no index folder at {name}", hint="see `medx retrieve list`")
    error = UnknownNameError("index", name, known_indexes())
    error.hint = error.hint or "none is built yet: run `medx retrieve build`"
    raise error


def known_indexes() -> list[str]:
    """Return the names of the index folders in the index directory."""
    return sorted(path.parent.name for path in settings.index_dir().glob(f"*/{DESCRIPTION_FILE}"))


def _is_path(name: str) -> bool:
    return "/" in name or "\\" in name
