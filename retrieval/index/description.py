"""``index.json``: what an index holds, in which files, and what made it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from medx.core.errors import InputError
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.index.kinds import Kind
from retrieval.index.locate import DESCRIPTION_FILE
from retrieval.index.tuning import Tuning

SCHEMA_VERSION: Literal[2] = 2


class FileEntry(Value):
    """One file of a segment. Its name is never used again for other content."""

    name: str = Field(pattern=r"^segment-[0-9a-f]{12}\.[a-z0-9.-]+$")
    bytes: int
    sha256: str


class SegmentEntry(Value):
    """Vectors with their items, written once; only ``tombstones`` says what left them since."""

    name: str = Field(pattern=r"^segment-[0-9a-f]{12}$")
    stored: int = Field(description="Rows in its files, removed ones among them.")
    removed: int = 0
    vectors: FileEntry
    items: FileEntry
    tombstones: FileEntry | None = Field(default=None, description="The rows that are removed.")
    kind: Kind = "flat"
    accelerator: FileEntry | None = Field(
        default=None, description="What finds candidates faster; vectors re-rank them."
    )
    tuning: Tuning | None = Field(default=None, description="How the accelerator is searched.")

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file of the segment."""
        held = (self.vectors, self.items, self.tombstones, self.accelerator)
        return tuple(entry for entry in held if entry is not None)


class DatasetOrigin(Value):
    """A dataset whose images an index holds."""

    name: str
    source: str = Field(description="What --dataset takes to read the images again.")
    digest: str | None = Field(
        default=None, description="Hash of the manifest's rows and of the sizes of the files."
    )
    split: str = Field(default="all", description="The split that was indexed.")
    limit: int | None = None
    modality: str = ""
    classes: tuple[str, ...] = ()
    synthetic: bool = False


class IndexDescription(Value):
    """What an index says of itself; ``dataset`` and what follows it speak of the first origin."""

    schema_version: Literal[2] = SCHEMA_VERSION
    name: str
    generation: int = Field(default=0, description="How many changes led to this state.")
    kind: Kind = "flat"
    metric: Literal["cosine"] = "cosine"
    normalized: bool = True
    encoder: Fingerprint
    count: int = Field(description="Images that can be found; removed ones do not count.")
    dataset: str
    dataset_source: str = Field(description="What --dataset takes to read the images again.")
    dataset_digest: str | None = Field(
        default=None, description="Hash of the manifest's rows and of the sizes of the files."
    )
    encoder_weights: str | None = Field(
        default=None, description="The folder that --weights named when the index was built."
    )
    modality: str = ""
    classes: tuple[str, ...] = ()
    synthetic: bool = Field(default=False, description="True when any image was drawn, not taken.")
    splits: dict[str, int] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    also: tuple[DatasetOrigin, ...] = Field(
        default=(), description="Further datasets whose images were added."
    )
    segments: tuple[SegmentEntry, ...] = ()
    packages: dict[str, str] = Field(default_factory=dict)
    created: str = ""
    changed: str = ""
    disclaimer: str = DISCLAIMER

    @property
    def origins(self) -> tuple[DatasetOrigin, ...]:
        """Every dataset whose images are here, the one it was built from first."""
        first = DatasetOrigin(
            name=self.dataset,
            source=self.dataset_source,
            digest=self.dataset_digest,
            split=self.settings.get("split", "all"),
            limit=self.settings.get("limit"),
            modality=self.modality,
            classes=self.classes,
            synthetic=self.synthetic,
        )
        return (first, *self.also)

    @property
    def datasets(self) -> str:
        """The names of all datasets whose images are here, the one it was built from first."""
        return ", ".join(dict.fromkeys(origin.name for origin in self.origins))

    def origin(self, dataset: str | None) -> DatasetOrigin:
        """Return the origin of an item by its ``dataset``; None is the first."""
        found = [origin for origin in self.origins if origin.name == dataset]
        return (found or list(self.origins))[0]

    @property
    def tuning(self) -> Tuning | None:
        """How most of it is searched, and what that was measured to find; None: exactly."""
        largest = max(self.segments, key=lambda entry: entry.stored - entry.removed, default=None)
        return largest.tuning if largest else None

    @property
    def files(self) -> frozenset[str]:
        """The names of all files that hold this state."""
        return frozenset(entry.name for segment in self.segments for entry in segment.files)

    def build_command(self, encoder: Encoder | None = None) -> str:
        """Return the command that builds this index again, by its own encoder or another."""
        made_by = encoder.fingerprint if encoder else self.encoder
        command = build_command(
            self.dataset_source,
            made_by.name,
            encoder.weights_folder if encoder else self.encoder_weights,
            precision=made_by.precision,
            runtime=made_by.runtime,
        )
        return f"{command} --name {shlex.quote(self.name)}"


def build_command(
    source: str,
    encoder: str,
    weights: Path | str | None = None,
    *,
    precision: str | None = None,
    runtime: str | None = None,
) -> str:
    """Return the command that indexes a dataset with an encoder under the usual name."""
    command = f"medx retrieve build --dataset {shlex.quote(source)}"
    command = f"{command} --encoder {shlex.quote(encoder)}"
    if weights:
        command = f"{command} --weights {shlex.quote(str(weights))}"
    if runtime:
        command = f"{command} --runtime {runtime}"
    return f"{command} --precision {precision}" if precision not in (None, "fp32") else command


def load_description(index_dir: Path) -> IndexDescription:
    """Read ``index.json`` of an index folder; the index is called as the folder is now.

    Raises:
        InputError: When the folder holds no index, a damaged one or one of another medx.
    """
    path = index_dir / DESCRIPTION_FILE
    rebuild = "build it again with `medx retrieve build`"
    if not index_dir.is_dir():
        raise InputError(f"no index folder at {index_dir}", hint="see `medx retrieve list`")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        message = f"{index_dir} holds no index: no {DESCRIPTION_FILE} in it"
        raise InputError(message, hint=rebuild) from error
    try:
        about = IndexDescription.model_validate_json(content)
    except ValidationError as error:
        _refuse_other_schema(index_dir, content)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path} is damaged: {where}: {first['msg']}", hint=rebuild) from error
    # A copy under its old name would have hints lead to the index it was copied from.
    return about.model_copy(update={"name": index_dir.resolve().name})


def _refuse_other_schema(index_dir: Path, content: bytes) -> None:
    """Say which medx wrote an index that this one cannot read, and how to build it again."""
    try:
        raw = json.loads(content)
        version = int(raw["schema_version"])
        command = build_command(
            raw["dataset_source"], raw["encoder"]["name"], raw.get("encoder_weights")
        )
    except (ValueError, KeyError, TypeError):
        return
    if version == SCHEMA_VERSION:
        return
    name = index_dir.resolve().name
    age = "an earlier" if version < SCHEMA_VERSION else "a later"
    raise InputError(
        f"index {index_dir.name} was written by {age} medx (schema {version}, "
        f"this one reads {SCHEMA_VERSION})",
        hint=f"build it again: {command} --name {shlex.quote(name)}",
    )


def total_bytes(segments: Iterable[SegmentEntry]) -> int:
    """Return the size of all files of some segments."""
    return sum(entry.bytes for segment in segments for entry in segment.files)
