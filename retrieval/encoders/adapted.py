"""An encoder with a head trained on one's own archive (``medx retrieve adapt``)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from medx.core import settings
from medx.core.errors import InputError, WeightsUnavailableError
from medx.core.files import sha256_file
from medx.core.images import Pixels
from medx.core.values import Value
from retrieval.config import AUTO
from retrieval.encoders.adapter_head import HEAD_FILE, AdapterHead
from retrieval.encoders.base import Embeddings, Encoder, Fingerprint, UnknownWords

ABOUT_FILE = "adapter.json"

#: What becomes of a text's embedding, as measured on val.
TextRoute = Literal["through the head", "as it is", "refused"]


class AdapterDescription(Value):
    """``adapter.json``: what an adapted encoder stands on."""

    schema_version: int = 1
    base: Fingerprint
    base_weights: str | None = Field(description="The folder that --weights named for the base.")
    head: str
    text: TextRoute
    text_reason: str
    dataset: str
    synthetic: bool


class AdaptedEncoder(Encoder):
    """Another encoder's embeddings, put through a head.

    Args:
        folder: What ``medx retrieve adapt`` wrote.
        base: The encoder that the head was trained on.

    Raises:
        WeightsUnavailableError: When the folder is incomplete, or ``base`` is another encoder.
    """

    takes_weights = True

    def __init__(self, folder: Path, base: Encoder) -> None:
        self.about = read_description(folder)
        if base.fingerprint != self.about.base:
            raise WeightsUnavailableError(
                f"{folder} adapts {self.about.base}, not {base.fingerprint}",
                hint="put the weights it was adapted from back in their place, or adapt again",
            )
        self.name = adapted_name(folder)
        self.dim = base.dim
        self.supports_text = base.supports_text and self.about.text != "refused"
        self.on_torch = base.on_torch
        self.weights_folder = folder.resolve()
        self._base = base
        self._head = AdapterHead.load(folder, self.about.head, base.dim)
        self._head_sha256 = sha256_file(folder / HEAD_FILE)

    @classmethod
    def load(
        cls,
        *,
        weights: Path | None = None,
        device: str = "auto",
        member: str = "",
        runtime: str = AUTO,
    ) -> AdaptedEncoder:
        """Return the encoder of a folder, or of an adapt run by its name.

        Args:
            weights: The folder.
            device: A ``--device`` value, for the encoder below.
            member: The folder, or the name of a run, where ``weights`` is not given.
            runtime: What computes the embeddings of the encoder below.
        """
        from retrieval.encoders.load import load_encoder  # it loads this class, too

        folder = weights or find_adapted(member)
        about = read_description(folder)
        below = Path(about.base_weights) if about.base_weights else None
        try:
            base = load_encoder(
                about.base.name,
                weights=below,
                device=device,
                runtime=about.base.runtime or AUTO if runtime == AUTO else runtime,
                precision=about.base.precision,
            )
        except RecursionError as error:
            raise WeightsUnavailableError(
                f"{folder} adapts itself", hint="make another with `medx retrieve adapt`"
            ) from error
        return cls(folder, base)

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the encoder below, and of the head."""
        below = self.about.base
        both = f"{below.weights_sha256}\n{self._head_sha256}\n{self.about.text}"
        return below.model_copy(
            update={
                "name": self.name,
                "weights_sha256": hashlib.sha256(both.encode()).hexdigest(),
                "preprocessing": f"{below.preprocessing}; as {below.name}, then a head",
            }
        )

    def shrink(self, image: Pixels) -> Pixels:
        """Return what the encoder below makes do with."""
        return self._base.shrink(image)

    def unknown_words(self, text: str) -> UnknownWords:
        """Return the words that the encoder below never learned."""
        return self._base.unknown_words(text)

    def require_text(self) -> None:
        """Raise ``InputError`` when the head and texts did not go together on val."""
        if self._base.supports_text and not self.supports_text:
            raise InputError(
                f"encoder {self.name!r} refuses words: {self.about.text_reason}",
                hint=f"ask an index of the encoder below it: --encoder {self.about.base.name}",
            )
        super().require_text()

    def _embed_image_batch(self, images: Sequence[Pixels]) -> Embeddings:
        return self._head(self._base.embed_images(images, batch_size=len(images)))

    def _embed_text_batch(self, texts: Sequence[str]) -> Embeddings:
        embeddings = self._base.embed_texts(texts, batch_size=len(texts))
        return self._head(embeddings) if self.about.text == "through the head" else embeddings


def adapted_name(folder: Path) -> str:
    """Return the name under which an index remembers the encoder of a folder."""
    return f"adapted:{folder.resolve().name}"


def find_adapted(member: str) -> Path:
    """Return the folder that ``adapted:MEMBER`` stands for: a path, or the name of an adapt run.

    Raises:
        WeightsUnavailableError: When there is none.
    """
    for folder in (Path(member), settings.output_dir() / "retrieve" / "adapt" / member):
        if member and (folder / ABOUT_FILE).is_file():
            return folder
    raise WeightsUnavailableError(
        f"no adapted encoder {member!r}",
        hint="make one with `medx retrieve adapt`, then pass --encoder adapted:FOLDER",
    )


def is_own_precision(precision: str, member: str, weights: Path | None) -> bool:
    """Return whether an adapted encoder computes so by itself: fp32 stands for what is below it."""
    return precision in ("fp32", read_description(weights or find_adapted(member)).base.precision)


def read_description(folder: Path) -> AdapterDescription:
    """Read ``adapter.json``.

    Raises:
        WeightsUnavailableError: When it is missing or damaged.
    """
    path = folder / ABOUT_FILE
    try:
        return AdapterDescription.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise WeightsUnavailableError(
            f"{folder} holds no adapted encoder: {first}",
            hint="make one with `medx retrieve adapt`",
        ) from error
