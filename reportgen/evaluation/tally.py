"""Sums over images, drawn once with all resamples, from which every figure is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medx.core.bootstrap import Bootstrap
from medx.core.shares import exact_share
from medx.core.statistics import percentile_interval
from medx.core.values import Interval

Doubles = npt.NDArray[np.float64]

#: Name of a measure → ``(N, K)``: what each image adds to it.
Columns = Mapping[str, Doubles]

#: Takes sums ``(R, K)``, returns ``(R,)``.
Statistic = Callable[[Doubles], Doubles]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """Sums of one measure.

    Args:
        total: ``(K,)`` over all images.
        samples: ``(R, K)``, one row a bootstrap sample; the same row of two measures is the same
            sample.
        units: How many images, or patients, add to it.
        unit: Which of the two.
    """

    total: Doubles
    samples: Doubles
    units: int
    unit: str = "image"

    def interval(self, statistic: Statistic) -> Interval | None:
        """Return a figure with its 95 % interval; None when it is undefined."""
        return percentile_interval(float(statistic(self.total[None])[0]), statistic(self.samples))

    def share(self) -> Interval | None:
        """Return column 0 over column 1: an exact interval where no unit counts twice.

        Where all or none count every resample is the same: units are counted once then.
        """
        found, count = (round(value) for value in self.total)
        if count == 0:
            return None
        if self.units == count:
            return exact_share(found, count)
        if found in (0, count):
            return exact_share(self.units if found else 0, self.units, of=f"{self.unit}s")
        return self.interval(ratio)


def ratio(sums: Doubles) -> Doubles:
    """Return column 0 over column 1; NaN over 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])


def draw(tallies: Sequence[Columns], how: Bootstrap) -> list[dict[str, Sums]]:
    """Sum every measure of every contender over all images and over every resample.

    Args:
        tallies: One a contender, all over the same N >= 1 images.
        how: What is resampled.
    """
    keys = [(i, name) for i, columns in enumerate(tallies) for name in columns]
    blocks = [tallies[i][name] for i, name in keys]
    if not blocks:
        return [{} for _ in tallies]
    joined = np.concatenate(blocks, axis=1)
    samples = np.concatenate([weights @ joined for weights in how.weights(len(joined))])
    total = joined.sum(axis=0)
    owners = np.arange(len(joined)) if how.groups is None else np.asarray(how.groups)
    ends = np.cumsum([block.shape[1] for block in blocks])
    drawn: list[dict[str, Sums]] = [{} for _ in tallies]
    for (i, name), end, block in zip(keys, ends, blocks, strict=True):
        part = slice(end - block.shape[1], end)
        units = len(np.unique(owners[block.any(axis=1)]))
        drawn[i][name] = Sums(
            total=total[part], samples=samples[:, part], units=units, unit=how.unit
        )
    return drawn


def flags(found: Sequence[bool], among: Sequence[bool] | None = None) -> Doubles:
    """Return what each image adds to a share, ``(N, 2)``: those found, and those asked of."""
    asked = np.ones(len(found)) if among is None else np.asarray(among, np.float64)
    return np.stack([np.asarray(found, np.float64) * asked, asked], axis=1)
