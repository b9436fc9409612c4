"""One synthetic patient's anatomy and the pose of one exposure, in centimetres.

Coordinates: `x` grows towards the image's right (the patient's left), `y` grows towards the feet,
and the origin lies in the midline at about the seventh thoracic vertebra. `u` is the distance from
the midline. Dimensions follow adult postero-anterior chest films: inner thoracic width 25-30 cm,
normal cardiothoracic ratio 0.41-0.50 (Danzer 1919), right hemidiaphragm 1-2 cm above the left, rib
pitch 2.1-2.5 cm.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

CARDIOMEGALY_RATIO = 0.55  # cardiothoracic ratios above this are drawn only for cardiomegaly
_WIDEST_AT = 12.0


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """What does not change between two images of one patient; lengths in cm."""

    half_width: float
    apex_y: float
    body_depth: float
    wall: float
    shoulder_y: float
    dome_right_y: float
    dome_left_y: float
    dome_curve: float
    heart_ratio: float
    heart_tilt: float
    heart_x: float
    knob_radius: float
    mediastinum: float
    rib_pitch: float
    rib_slope: float
    rib_bone: float
    rib_phase: float
    breast: float
    breast_y: float
    breast_u: float
    bubble: float
    scoliosis: float
    clavicle_y: float
    vessel_gain: float
    vessel_seed: int


@dataclass(frozen=True, kw_only=True)
class Pose:
    """How the patient stood for one exposure; lengths in cm, `tilt` in cm per cm of height."""

    shift_x: float
    shift_y: float
    tilt: float
    rotation: float
    inspiration: float
    half_field: float


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw one patient; the heart is of normal size."""
    depth = rng.uniform(19.0, 26.0)
    breast = rng.uniform(1.8, 5.0) if rng.random() < 0.45 else 0.0
    dome = rng.uniform(7.8, 9.8)
    return Anatomy(
        half_width=rng.uniform(12.3, 14.9),
        apex_y=rng.uniform(-14.6, -12.5),
        body_depth=depth,
        wall=1.6 + 0.22 * (depth - 18.0) + rng.uniform(-0.3, 0.5),
        shoulder_y=rng.uniform(-15.2, -13.2),
        dome_right_y=dome,
        dome_left_y=dome + rng.uniform(0.6, 1.7),
        dome_curve=rng.uniform(3.2, 5.2),
        heart_ratio=rng.uniform(0.41, 0.495),
        heart_tilt=rng.uniform(0.68, 0.92),
        heart_x=rng.uniform(-0.3, 0.5),
        knob_radius=rng.uniform(1.3, 2.1),
        mediastinum=rng.uniform(0.85, 1.2),
        rib_pitch=rng.uniform(2.15, 2.5),
        rib_slope=rng.uniform(0.42, 0.6),
        rib_bone=rng.uniform(1.05, 1.65),
        rib_phase=rng.uniform(0.0, 1.0),
        breast=breast,
        breast_y=rng.uniform(5.0, 9.0),
        breast_u=rng.uniform(7.5, 9.5),
        bubble=rng.uniform(0.7, 2.4) if rng.random() < 0.7 else 0.0,
        scoliosis=rng.normal(0.0, 0.35),
        clavicle_y=rng.uniform(-11.6, -10.0),
        vessel_gain=rng.uniform(2.8, 4.4),
        vessel_seed=int(rng.integers(2**31)),
    )


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw the pose of one exposure: centring, tilt, rotation and depth of breath."""
    return Pose(
        shift_x=rng.normal(0.0, 0.5),
        shift_y=rng.normal(0.0, 0.5),
        tilt=rng.normal(0.0, 0.018),
        rotation=rng.normal(0.0, 0.4),
        inspiration=rng.uniform(-1.9, 0.8),
        half_field=rng.uniform(17.2, 19.8),
    )


def enlarge_heart(anatomy: Anatomy, ratio: float) -> Anatomy:
    """Return the same patient with another cardiothoracic ratio."""
    return replace(anatomy, heart_ratio=ratio)


def float32(values: npt.ArrayLike) -> FloatArray:
    """Return values as a float32 array, without a copy where they are one."""
    return np.asarray(values, dtype=np.float32)


class Frame:
    """The pixel grid of one image in patient coordinates.

    Args:
        size: Height and width of the image in pixels.
        anatomy: The patient, whose spine the midline follows.
        pose: The exposure.

    The midline bends by row only, so every organ border is a curve over rows and stays
    one-dimensional.
    """

    def __init__(self, size: int, anatomy: Anatomy, pose: Pose) -> None:
        self.size = size
        self.pixel = 2.0 * pose.half_field / size  # cm
        centres = ((np.arange(size, dtype=np.float32) + 0.5) * self.pixel) - pose.half_field
        self.y: FloatArray = (centres + (pose.shift_y + 0.8))[:, None].astype(np.float32)  # (H, 1)
        bend = pose.tilt * self.y + anatomy.scoliosis * np.sin(self.y * 0.17)
        self.x: FloatArray = (centres[None, :] - pose.shift_x - bend).astype(np.float32)  # (H, W)
        self.u: FloatArray = np.abs(self.x)
        self.left: npt.NDArray[np.bool_] = self.x > 0  # the patient's left

    def pixels_of(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return fractional (row, column) pixel positions of patient points in cm."""
        rows = (y - self.y[0, 0]) / np.float32(self.pixel)
        nearest = np.clip(rows, 0, self.size - 1).astype(np.int64)
        columns = (x - self.x[nearest, 0]) / np.float32(self.pixel)
        return rows, columns


def soft_step(distance: npt.NDArray[np.floating[Any]], width: float) -> FloatArray:
    """Return 0 below, 1 above, and a linear ramp of `width` around zero distance."""
    return float32(np.clip(distance * np.float32(1.0 / width) + np.float32(0.5), 0.0, 1.0))


def curve_at(y: FloatArray, points: tuple[tuple[float, float], ...]) -> FloatArray:
    """Interpolate a border given as (y, value) control points over rows `y` (H, 1)."""
    knots, values = zip(*points, strict=True)
    # Averaging shifted copies rounds the polyline's corners without a spline's overshoot.
    shifted = [np.interp(y + offset, knots, values) for offset in (-0.7, 0.0, 0.7)]
    return float32(sum(shifted) / 3.0)


def outer_border(y: FloatArray, anatomy: Anatomy) -> FloatArray:
    """Return the half-width of the chest cavity in cm at rows `y`; zero above the apex."""
    height = _WIDEST_AT - anatomy.apex_y
    depth = np.clip((y - anatomy.apex_y) / height, 0.0, 1.0)
    profile = (1.0 - (1.0 - depth) ** 2.5) ** 0.52
    return float32(anatomy.half_width * profile)


def heart_extent(anatomy: Anatomy) -> tuple[float, float]:
    """Return how far the heart reaches to the patient's right and left of the midline, in cm."""
    width = anatomy.heart_ratio * 2.0 * anatomy.half_width
    right = width * 0.37 - anatomy.heart_x
    return right, width - right


def dome_height(anatomy: Anatomy, pose: Pose, side: str) -> float:
    """Return the y of the top of one hemidiaphragm in cm."""
    base = anatomy.dome_left_y if side == "left" else anatomy.dome_right_y
    return base + pose.inspiration
