"""The contract of an encoder: images and words to unit-length embeddings of one space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from medx.core.images import Pixels
from medx.core.values import Value
from retrieval.encoders import patch_encoders, text_encoders

if TYPE_CHECKING:
    from retrieval.encoders.runtimes.towers import Towers

Embeddings = npt.NDArray[np.float32]


class Fingerprint(Value):
    """What makes two encoders the same one: equal fingerprints give comparable embeddings.

    ``runtime`` is named where its rounding is unlike that of the first runtime of a precision.
    """

    name: str
    weights_sha256: str
    preprocessing: str
    dim: int
    precision: str = "fp32"
    runtime: str | None = None

    def __str__(self) -> str:
        precision = "" if self.precision == "fp32" else f" at {self.precision}"
        runtime = f" by {self.runtime}" if self.runtime else ""
        return f"{self.name} {self.weights_sha256[:16]}{precision}{runtime}"


class UnknownWords(Value):
    """The words of a query that an encoder never learned.

    ``all_unknown`` says that no telling word of the query is known: its hits mean nothing.
    """

    words: tuple[str, ...] = ()
    all_unknown: bool = False

    @property
    def warning(self) -> str | None:
        """One sentence for the user, or None when the query can be answered as it stands."""
        listed = ", ".join(repr(word) for word in self.words)
        if self.all_unknown:
            why = (
                f"the encoder never learned {listed}" if listed else "it names nothing to look for"
            )
            return f"{why}: these hits do not answer the query"
        return f"the encoder never learned {listed}: only the other words count" if listed else None


class Encoder(ABC):
    """Turns images and texts into float32 embeddings ``(N, dim)`` of unit length.

    A subclass sets ``name`` and ``dim`` and writes ``fingerprint`` and the batch methods; one that
    reads images only sets ``supports_text`` to False and leaves the texts' out.
    """

    name: str
    dim: int

    #: False for an encoder that knows no words: its text methods raise ``InputError``.
    supports_text: bool = True

    #: False for an encoder whose numbers torch does not compute.
    on_torch: bool = True

    #: True when the subclass reads weights from a folder the user names.
    takes_weights: ClassVar[bool] = False

    #: Why this encoder was taken; ``load_encoder`` fills it in.
    reason: str = "asked for by name"

    #: The folder that ``--weights`` named, None for the usual place; ``load_encoder`` fills it in.
    weights_folder: Path | None = None

    @classmethod
    def load(cls, *, weights: Path | None = None, device: str = "auto") -> Encoder:
        """Return a ready encoder.

        Args:
            weights: Folder or file with the weights; None takes the usual place.
            device: A ``--device`` value; encoders that run on NumPy ignore it.

        Raises:
            InputError: When ``weights`` is given and the encoder takes none.
            WeightsUnavailableError: When the weights cannot be had.
        """
        if weights is not None and not cls.takes_weights:
            raise InputError(
                f"encoder {cls.name!r} takes no weights folder", hint="leave --weights out"
            )
        return cls()

    @property
    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """Name, weights and preprocessing of this encoder."""

    def embed_images(self, images: Sequence[Pixels], *, batch_size: int = 64) -> Embeddings:
        """Return unit-length embeddings ``(N, dim)`` of images.

        Args:
            images: uint8 arrays ``(H, W)`` or ``(H, W, 3)``; sizes may differ.
            batch_size: Images at a time.

        Raises:
            ValueError: When an array cannot be an image or ``batch_size`` is below 1.
        """
        for image in images:
            if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.size == 0:
                raise ValueError(
                    "images must be uint8 (H, W) or (H, W, 3), "
                    f"got {image.dtype} of shape {image.shape}"
                )
        return self._in_batches(images, self._embed_image_batch, batch_size)

    def embed_texts(self, texts: Sequence[str], *, batch_size: int = 64) -> Embeddings:
        """Return unit-length embeddings ``(N, dim)`` of texts, comparable with the images'.

        Raises:
            InputError: When the encoder reads images only.
        """
        self.require_text()
        return self._in_batches(texts, self._embed_text_batch, batch_size)

    def shrink(self, image: Pixels) -> Pixels:
        """Return uint8 pixels that embed exactly as ``image`` does, as few as will do.

        Workers call it beside the model; by default it returns ``image`` itself.
        """
        return image

    def unknown_words(self, text: str) -> UnknownWords:
        """Return the words of ``text`` that the encoder never learned; by default none."""
        del text
        return UnknownWords()

    def embed_patches(self, pixels: Pixels) -> Embeddings:
        """Return unit-length embeddings ``(rows, cols, dim)`` of the places of one image.

        They are comparable with those of texts, and cover what ``patch_area`` says.

        Args:
            pixels: uint8 ``(H, W)`` or ``(H, W, 3)``.

        Raises:
            InputError: When the encoder cannot tell places apart.
        """
        places = self._embed_patches(pixels)
        return normalize(places.reshape(-1, self.dim)).reshape(places.shape)

    def patch_similarities(self, pixels: Pixels, direction: Embeddings) -> Embeddings:
        """Return how well each place ``(rows, cols)`` of an image fits a unit vector ``(dim,)``.

        Raises:
            InputError: When the encoder cannot tell places apart.
        """
        return np.asarray(self.embed_patches(pixels) @ direction, np.float32)

    def patch_area(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Return what ``embed_patches`` covers of an image: top, left, bottom, right as shares."""
        del height, width
        return (0.0, 0.0, 1.0, 1.0)

    def towers(self) -> Towers:
        """Return what another runtime needs to embed as this encoder does.

        Raises:
            InputError: When it runs as it is only.
        """
        raise InputError(
            f"encoder {self.name!r} has no other runtime and no other precision",
            hint="leave --runtime and --precision out",
        )

    def require_text(self) -> None:
        """Raise ``InputError``, naming encoders that know words, unless this one does."""
        if not self.supports_text:
            raise InputError(
                f"encoder {self.name!r} reads images only: it cannot be asked in words",
                hint=f"encoders that take words: {', '.join(text_encoders())}",
            )

    @abstractmethod
    def _embed_image_batch(self, images: Sequence[Pixels]) -> npt.NDArray[np.floating]:
        """Return embeddings ``(n, dim)`` of any length of a batch of uint8 images."""

    def _embed_text_batch(self, texts: Sequence[str]) -> npt.NDArray[np.floating]:
        """Return embeddings ``(n, dim)`` of any length of a batch of texts."""
        raise NotImplementedError(f"{type(self).__name__} says that it takes words")

    def _embed_patches(self, pixels: Pixels) -> npt.NDArray[np.floating]:
        """Return embeddings ``(rows, cols, dim)`` of any length of the places of one image."""
        del pixels
        raise InputError(
            f"encoder {self.name!r} cannot show where in an image a text fits",
            hint=f"encoders that can: {', '.join(patch_encoders())}",
        )

    def _in_batches(
        self,
        items: Sequence[object],
        embed: Callable[..., npt.NDArray[np.floating]],
        batch_size: int,
    ) -> Embeddings:
        if batch_size < 1:
            raise ValueError(f"batch_size must be >= 1, got {batch_size}")
        embeddings = np.empty((len(items), self.dim), np.float32)
        for start in range(0, len(items), batch_size):
            batch = items[start : start + batch_size]
            embeddings[start : start + len(batch)] = embed(batch)
        return normalize(embeddings)


def normalize(embeddings: npt.NDArray[np.floating]) -> Embeddings:
    """Return rows scaled to unit length; a zero row stays zero.

    Raises:
        ValueError: When a value is not finite.
    """
    rows = np.asarray(embeddings, np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("embeddings must be finite, got NaN or infinity")
    if rows.size == 0:
        return rows
    # Squares of very small or large values leave float32, so the largest becomes 1 first.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1.0), np.float32)
