"""``index.json``: what an index holds and what made it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from medx.core.errors import InputError
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.index.locate import DESCRIPTION_FILE


class IndexDescription(Value):
    """What an index says of itself."""

    schema_version: int = 1
    name: str
    kind: Literal["flat"] = "flat"
    metric: Literal["cosine"] = "cosine"
    normalized: bool = True
    encoder: Fingerprint
    count: int
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
    synthetic: bool = False
    splits: dict[str, int] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    packages: dict[str, str] = Field(default_factory=dict)
    created: str = ""
    disclaimer: str = DISCLAIMER

    def build_command(self, encoder: Encoder | None = None) -> str:
        """Return the command that builds this index again, by its own encoder or another."""
        command = build_command(
            self.dataset_source,
            encoder.name if encoder else self.encoder.name,
            encoder.weights_folder if encoder else self.encoder_weights,
        )
        return f"{command} --name {shlex.quote(self.name)}"


def build_command(source: str, encoder: str, weights: Path | str | None = None) -> str:
    """Return the command that indexes a dataset with an encoder under the usual name."""
    command = f"medx retrieve build --dataset {shlex.quote(source)} --encoder {encoder}"
    return f"{command} --weights {shlex.quote(str(weights))}" if weights else command


def load_description(index_dir: Path) -> IndexDescription:
    """Read ``index.json`` of an index folder.

    Raises:
        InputError: When the folder holds no index, or a damaged one.
    """
    path = index_dir / DESCRIPTION_FILE
    rebuild = "build it again with `medx retrieve build`"
    if not index_dir.is_dir():
        raise InputError(f"no index folder at {index_dir}", hint="see `medx retrieve list`")
    if not path.is_file():
        raise InputError(f"{index_dir} holds no index: no {DESCRIPTION_FILE} in it", hint=rebuild)
    try:
        return IndexDescription.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path} is damaged: {where}: {first['msg']}", hint=rebuild) from error
