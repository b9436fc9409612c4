"""What was pulled: a file that says the hashes of weights, so that a copy can be checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from medx.core import settings
from medx.core.errors import InputError
from medx.core.files import safe_name, write_json
from medx.core.models.catalogue import Model
from medx.core.values import Value

MANIFEST_FILE = "medx-model.json"


class ModelFile(Value):
    """One file of a pulled model; ``path`` is below its folder."""

    path: str
    bytes: int
    sha256: str


class ModelManifest(Value):
    """What a pull left: where the files are from, and their hashes."""

    schema_version: int = 1
    name: str
    repository: str
    revision: str
    licence: str
    pulled: str
    files: tuple[ModelFile, ...]

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)


def manifest_path(folder: Path) -> Path:
    """Return where the manifest of a folder is: in it, or beside the cache for the hub's own."""
    if folder.parent.name == "snapshots":  # the hub's library owns what is in there
        repository = folder.parent.parent.name
        name = f"{safe_name(repository)}-{folder.name}.json"
        return settings.cache_dir() / "models" / name
    return folder / MANIFEST_FILE


def load_manifest(folder: Path) -> ModelManifest | None:
    """Return the manifest of a folder of weights, or None when it was not pulled by medx.

    Raises:
        InputError: When it is damaged.
    """
    path = manifest_path(folder)
    if not path.is_file():
        return None
    try:
        return ModelManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(
            f"{path} is damaged: {error.errors()[0]['msg']}", hint="pull the model again"
        ) from error


def save_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Write the manifest of a folder of weights."""
    write_json(manifest_path(folder), manifest.model_dump())


def model_files(folder: Path, model: Model) -> list[Path]:
    """Return the files of ``model`` in a folder, by name."""
    found = {path for pattern in model.files for path in folder.glob(pattern) if path.is_file()}
    return sorted(found - {folder / MANIFEST_FILE})
