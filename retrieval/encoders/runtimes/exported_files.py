"""The folder of an exported encoder and what it says of itself."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from medx.core.errors import WeightsUnavailableError
from medx.core.files import write_json
from medx.core.values import Value
from retrieval.encoders.base import Fingerprint
from retrieval.encoders.runtimes.image_steps import ImageSteps
from retrieval.encoders.runtimes.text_steps import TextSteps

EXPORT_FILE = "export.json"
TOKENIZER_FILE = "tokenizer.json"
TOWERS = ("image", "text")

#: Bump when towers or fingerprints are written another way, so that no stale cache is read.
EXPORT_VERSION = 2


class ExportDescription(Value):
    """What ``export.json`` says: with the files it names, all that embedding needs."""

    schema_version: int = EXPORT_VERSION
    encoder: Fingerprint
    image_steps: ImageSteps
    text_steps: TextSteps
    files: dict[str, int] = Field(default_factory=dict, description="Bytes of each file.")
    packages: dict[str, str] = Field(default_factory=dict)
    created: str = ""


def tower_file(tower: str, precision: str) -> str:
    """Return the name of the file of a tower: ``image.onnx``, ``text-int8.onnx``.

    OpenVINO reads the ones at fp32 and lowers the precision itself.
    """
    return f"{tower}-int8.onnx" if precision == "int8" else f"{tower}.onnx"


def weights_of(file: str) -> str:
    """Return the name of the file with a tower's weights.

    Apart from the graph they are mapped into memory, not read: opening takes a tenth of the time.
    """
    return f"{file}.data"


def holds_export(folder: Path) -> bool:
    """Return whether ``folder`` is an exported encoder."""
    return (folder / EXPORT_FILE).is_file()


def is_ready(folder: Path, precision: str) -> bool:
    """Return whether ``folder`` is an export that holds all a precision needs.

    Raises:
        WeightsUnavailableError: When it is damaged.
    """
    if not holds_export(folder):
        return False
    files = load_export(folder).files
    return all(tower_file(tower, precision) in files for tower in TOWERS)


def load_export(folder: Path) -> ExportDescription:
    """Read ``export.json``; every file it names must be there, whole.

    Raises:
        WeightsUnavailableError: When the folder is incomplete or damaged.
    """
    again = f"delete {folder}; it is written again when next needed"
    try:
        description = ExportDescription.model_validate_json((folder / EXPORT_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise WeightsUnavailableError(
            f"{folder} holds no readable export: {str(error).splitlines()[0]}", hint=again
        ) from error
    for name, size in description.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            raise WeightsUnavailableError(f"{path} is missing or cut short", hint=again)
    return description


def save_export(folder: Path, description: ExportDescription) -> ExportDescription:
    """Write ``export.json`` with the sizes of the files that are there, and return it."""
    graphs = [tower_file(tower, precision) for precision in ("fp32", "int8") for tower in TOWERS]
    names = [TOKENIZER_FILE, *graphs, *map(weights_of, graphs)]
    files = {name: (folder / name).stat().st_size for name in names if (folder / name).is_file()}
    complete = description.model_copy(update={"files": files})
    write_json(folder / EXPORT_FILE, complete.model_dump(mode="json"))
    return complete
