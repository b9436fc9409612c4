"""How intervals are made: what is resampled, how often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from medx.core.statistics import RESAMPLES, resample_counts


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """How intervals are made.

    Args:
        groups: N patients, resampled whole; None resamples images.
        resamples: Bootstrap samples.
        seed: Of the resampling.
    """

    groups: Sequence[str] | None = None
    resamples: int = RESAMPLES
    seed: int = 0

    @property
    def unit(self) -> str:
        """What is drawn."""
        return "image" if self.groups is None else "patient"

    @property
    def independent(self) -> bool:
        """Whether no two images are of one patient, as far as is known."""
        return self.groups is None or len(set(self.groups)) == len(self.groups)

    def weights(self, count: int) -> Iterator[npt.NDArray[np.float32]]:
        """Yield how often each of ``count`` images is drawn, ``(R, count)``, block by block."""
        return resample_counts(count, groups=self.groups, resamples=self.resamples, seed=self.seed)

    def of(self, rows: npt.NDArray[np.intp]) -> Bootstrap:
        """Return the same for some of the images."""
        if self.groups is None:
            return self
        return replace(self, groups=[self.groups[i] for i in rows])
