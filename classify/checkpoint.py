"""A trained classifier on disk: ``model.safetensors`` and ``model.json``, nothing pickled."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from torch import Tensor

from classify.embedders import load_embedder
from classify.encoder_probe import EncoderProbe, check_fingerprint
from classify.model import Ensemble, Network, build_model
from classify.trust.calibration import Calibration
from medx.core.errors import CheckpointError, MedxError, WeightsUnavailableError
from medx.core.files import sha256_file, write_json
from medx.core.runs import load_json
from medx.core.settings import DISCLAIMER
from medx.core.training import load_tensors
from medx.core.values import Value

WEIGHTS_FILE = "model.safetensors"
DESCRIPTION_FILE = "model.json"
RETRAIN = "train again: medx classify train"


#: Files of another version are refused.
SCHEMA_VERSION = 3


class ModelDescription(Value):
    """Everything besides the weights that a prediction depends on."""

    schema_version: int = SCHEMA_VERSION
    architecture: str
    encoder: dict[str, str | int | None] | None = Field(
        default=None, description="Fingerprint of the retrieval encoder below a linear probe."
    )
    encoder_weights: str | None = Field(
        default=None, description="Folder that it was loaded from; None: the usual place."
    )
    members: int = Field(ge=1, description="Networks that answer together.")
    classes: list[str] = Field(min_length=2)
    size: int = Field(ge=1)
    colour: bool
    mean: list[float]
    std: list[float]
    normalise: str = Field(description="dataset, or image: each standardised by itself as well.")
    tta: str = Field(description="Views that logits are averaged over: none, mirror or shifts.")
    calibration_method: str = Field(description="temperature, vector or none; fitted on val.")
    temperature: float = Field(gt=0)
    scale: list[float] = Field(description="One a class, on its logit; empty: 1 for all.")
    bias: list[float] = Field(description="One a class, added after scale and temperature.")
    operating_point: float | None = Field(description="Threshold on the second of two classes.")
    operating_point_rule: str | None = Field(description="What it was chosen for on val, or given.")
    operating_points: dict[str, float] = Field(description="rule → threshold chosen on val.")
    operating_point_ranges: dict[str, tuple[float, float]] = Field(
        description="rule → range of 95 % of the thresholds that resamples of val choose."
    )
    dataset: str
    initial_weights: str
    parameters: int
    weights_sha256: str
    val_logits_sha256: str
    ood_sha256: str
    disclaimer: str = DISCLAIMER

    @property
    def calibration(self) -> Calibration:
        """How logits become probabilities."""
        return Calibration(
            temperature=self.temperature, bias=tuple(self.bias), scale=tuple(self.scale)
        )


def load_checkpoint(run_dir: Path) -> tuple[Network, ModelDescription]:
    """Read the network and description of a finished train run.

    Raises:
        CheckpointError: When a file is missing, damaged or does not fit the other.
    """
    description = load_description(run_dir)
    weights = run_dir / WEIGHTS_FILE
    tensors = load_described_tensors(weights, description.weights_sha256)
    try:
        network = build_described(description)
        network.load_state_dict(tensors)
    except (CheckpointError, WeightsUnavailableError):
        raise
    except (RuntimeError, MedxError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{weights} does not fit its description: {reason}") from error
    return network.eval(), description


def load_described_tensors(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read the tensors of a run, of the very file that ``model.json`` describes.

    Raises:
        CheckpointError: When the file is missing, damaged or another one.
    """
    tensors = load_tensors(path)
    if sha256_file(path) != sha256:
        raise CheckpointError(
            f"{path} is not the file that {DESCRIPTION_FILE} describes: its SHA-256 differs",
            hint=RETRAIN,
        )
    return tensors


def load_description(run_dir: Path) -> ModelDescription:
    """Read ``model.json`` of a finished train run.

    Raises:
        CheckpointError: When it is missing, damaged or of another medx version.
    """
    path = run_dir / DESCRIPTION_FILE
    stored = load_json(path)
    version = stored.get("schema_version") if isinstance(stored, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} was written by another medx version (schema {version}, not {SCHEMA_VERSION})",
            hint=RETRAIN,
        )
    try:
        return ModelDescription.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(
            f"{path} is damaged: {where}: {first['msg']}", hint=RETRAIN
        ) from error


def build_described(description: ModelDescription) -> Network:
    """Build the network that a description is of; its weights are still to be loaded."""
    if description.encoder is not None:
        name = str(description.encoder.get("name"))
        embedder = load_embedder(name, description.encoder_weights)
        check_fingerprint(embedder, description.encoder)
        return EncoderProbe(embedder, len(description.classes))
    members = [
        build_model(
            description.architecture,
            len(description.classes),
            3 if description.colour else 1,
            size=description.size,
            normalise=description.normalise,
        )
        for _ in range(description.members)
    ]
    return members[0] if len(members) == 1 else Ensemble(members)


def save_description(run_dir: Path, description: ModelDescription) -> None:
    """Write ``model.json``."""
    write_json(run_dir / DESCRIPTION_FILE, description.model_dump())
