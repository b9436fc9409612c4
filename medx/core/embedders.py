"""What turns images into embeddings, as the subsystems hand it to one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from medx.core.images import Pixels

#: What makes an encoder the same one: its name, weights, preprocessing and length of embedding.
Fingerprint = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedder:
    """An encoder as a plain function.

    Args:
        name: What people call it.
        fingerprint: Equal fingerprints give equal embeddings.
        dim: Length of an embedding.
        embed: From ``uint8`` images ``(H, W[, 3])`` to embeddings ``(N, dim)``.
    """

    name: str
    fingerprint: Fingerprint
    dim: int
    embed: Callable[[Sequence[Pixels]], npt.NDArray[np.float32]]
