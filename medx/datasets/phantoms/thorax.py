"""Chord lengths of air, soft tissue and bone along the beam through one synthetic chest."""

from dataclasses import dataclass

import numpy as np

from medx.datasets.phantoms.anatomy import (
    Anatomy,
    FloatArray,
    Frame,
    Pose,
    curve_at,
    dome_height,
    float32,
    heart_extent,
    outer_border,
    soft_step,
)
from medx.datasets.phantoms.skeleton import bone_chord
from medx.datasets.phantoms.vessels import vessel_chord

_RIGHT_BORDER = (
    (-14.0, 3.6),
    (-11.0, 2.9),
    (-8.0, 2.5),
    (-4.0, 2.7),
    (-1.0, 3.0),
    (3.0, 2.6),
    (12.0, 3.0),
)
_LEFT_BORDER = (
    (-14.0, 3.6),
    (-11.0, 2.8),
    (-8.5, 2.5),
    (-4.5, 2.7),
    (-2.5, 3.4),
    (0.0, 3.3),
    (12.0, 3.0),
)
_BODY = ((-6.0, 6.2), (-2.2, 6.8), (-0.5, 12.0), (1.5, 19.0), (4.0, 23.0), (8.0, 23.0))


@dataclass
class Thorax:
    """Chord lengths in cm, each float32 (H, W); findings change them in place.

    Attributes:
        frame: Pixel grid in patient coordinates.
        anatomy: The patient.
        pose: The exposure.
        outer: Half-width of the chest cavity per row, (H, 1).
        dome: y of the diaphragm per column and row, (H, W).
        cavity: Depth of the chest cavity along the beam.
        body: Depth of the whole body along the beam.
        lung: Aerated lung along the beam.
        tissue: Water-equivalent tissue besides body less lung (breasts, airways as negative).
        vessels: Blood in the lung's vessels.
        bone: Mineralised bone.
        gas: Free air in the pleural space, which replaces lung.
    """

    frame: Frame
    anatomy: Anatomy
    pose: Pose
    outer: FloatArray
    dome: FloatArray
    cavity: FloatArray
    body: FloatArray
    lung: FloatArray
    tissue: FloatArray
    vessels: FloatArray
    bone: FloatArray
    gas: FloatArray


def build_thorax(size: int, anatomy: Anatomy, pose: Pose) -> Thorax:
    """Lay out a chest without findings, but for the heart's size, on a `size` x `size` grid."""
    frame = Frame(size, anatomy, pose)
    outer = outer_border(frame.y, anatomy)
    dome = _dome(frame, anatomy, pose)
    cavity = _cavity_chord(frame, outer, anatomy)
    filled = np.maximum(
        cavity * _filled_fraction(frame, anatomy, pose, dome),
        _solid_chord(frame, anatomy, pose, cavity),
    )
    lung = np.maximum(cavity - filled, 0.0)
    aerated = np.clip(lung * np.float32(0.1), 0.0, 1.0)
    return Thorax(
        frame=frame,
        anatomy=anatomy,
        pose=pose,
        outer=outer,
        dome=dome,
        cavity=cavity,
        body=_body_chord(frame, anatomy),
        lung=lung,
        tissue=_breasts(frame, anatomy) - _airways(frame) - _stomach_gas(frame, anatomy, dome),
        vessels=vessel_chord(frame, anatomy, pose) * aerated,
        bone=bone_chord(frame, anatomy, outer),
        gas=np.zeros_like(lung),
    )


def heart_mask(frame: Frame, anatomy: Anatomy, pose: Pose) -> FloatArray:
    """Return the heart's chord in cm, float32 (H, W)."""
    right, left = heart_extent(anatomy)
    width = right + left
    ventricle, atrium = 0.46 * width, 0.235 * width
    long_axis = ventricle * 1.24
    cosine, sine = np.cos(anatomy.heart_tilt), np.sin(anatomy.heart_tilt)
    # The short axis that makes the tilted ellipse exactly as wide as asked.
    short_axis = (
        np.sqrt(max(ventricle**2 - (long_axis * cosine) ** 2, (0.6 * ventricle * sine) ** 2)) / sine
    )
    half_height = np.hypot(long_axis * sine, short_axis * cosine)
    centre_y = dome_height(anatomy, pose, "left") + 0.1 * width - 0.2 - half_height
    x, y = frame.x - np.float32(left - ventricle), frame.y - np.float32(centre_y)
    along = (x * np.float32(cosine) + y * np.float32(sine)) * np.float32(1.0 / long_axis)
    across = (y * np.float32(cosine) - x * np.float32(sine)) * np.float32(1.0 / short_axis)
    # The ventricle's base ends in the midline; beyond it lie the great vessels.
    base = np.minimum(frame.x + np.float32(0.5), 0.0) * np.float32(0.33)
    body = 1.0 - along * along - across * across - base * base
    x = (frame.x + np.float32(right - atrium)) * np.float32(1.0 / atrium)
    y = (frame.y - np.float32(centre_y + 0.1 * width - 0.7)) * np.float32(1.0 / (0.36 * width))
    body = np.maximum(body, 1.0 - x * x - y * y)
    return float32(np.float32(0.95 * width) * np.sqrt(np.maximum(body, 0.0)))


def _dome(frame: Frame, anatomy: Anatomy, pose: Pose) -> FloatArray:
    left, right = dome_height(anatomy, pose, "left"), dome_height(anatomy, pose, "right")
    top = np.float32(right) + np.float32(left - right) * soft_step(frame.x, 7.0)
    across = (frame.u - np.float32(0.46 * anatomy.half_width)) * np.float32(
        1.0 / (0.5 * anatomy.half_width)
    )
    # Steep towards the chest wall (costophrenic angle), shallow towards the heart.
    fall = np.where(across > 0, np.float32(anatomy.dome_curve), np.float32(0.9))
    squared = across * across
    return float32(top + fall * squared * (np.float32(0.65) + np.float32(0.35) * squared))


def _cavity_chord(frame: Frame, outer: FloatArray, anatomy: Anatomy) -> FloatArray:
    depth = (anatomy.body_depth - 5.5) * (outer / anatomy.half_width)
    ratio = frame.u / np.maximum(outer, np.float32(0.1))
    return depth * np.sqrt(np.clip(1.0 - ratio * ratio, 0.0, 1.0))


def _filled_fraction(frame: Frame, anatomy: Anatomy, pose: Pose, dome: FloatArray) -> FloatArray:
    """Return the share of the cavity taken by mediastinum or abdomen, 0-1."""
    right = curve_at(frame.y, _RIGHT_BORDER) * anatomy.mediastinum - pose.rotation
    left = curve_at(frame.y, _LEFT_BORDER) * anatomy.mediastinum + pose.rotation
    inside = np.where(frame.left, left, right) - frame.u
    middle = (0.72 - 0.2 * soft_step(frame.y - np.float32(3.0), 8.0)) * soft_step(inside, 0.7)
    below = frame.y - dome
    # Lung still lies behind the dome in the posterior sulcus, thinning towards its floor.
    abdomen = soft_step(below, 0.35) * (
        0.94 - 0.14 * np.exp(-np.maximum(below, 0.0) * np.float32(0.5))
    )
    return float32(np.maximum(middle, abdomen))


def _solid_chord(frame: Frame, anatomy: Anatomy, pose: Pose, cavity: FloatArray) -> FloatArray:
    """Return the chord of heart, aortic arch and hila, which push lung aside, in cm."""
    heart = heart_mask(frame, anatomy, pose)
    knob = _ball(
        frame, 1.75 + 0.5 * pose.rotation, -6.4, anatomy.knob_radius, anatomy.knob_radius * 1.1
    )
    # Lung always lies in front of and behind the heart, so a wide heart is not a denser one.
    room = np.float32(0.76) * cavity
    solid = np.maximum(
        heart * room / (heart + np.float32(0.35) * room + np.float32(0.01)), knob * np.float32(9.0)
    )
    for x, y, half_width, half_height in ((-3.0, -0.2, 1.1, 2.3), (3.1, -1.4, 1.1, 2.0)):
        solid = np.maximum(
            solid,
            np.float32(2.4) * _ball(frame, x + 0.4 * pose.rotation, y, half_width, half_height),
        )
    return float32(solid)


def _ball(frame: Frame, x: float, y: float, half_width: float, half_height: float) -> FloatArray:
    """Return a unit-height dome sqrt(1 - r^2) over an ellipse at (x, y) cm."""
    across = (frame.x - np.float32(x)) * np.float32(1.0 / half_width)
    down = (frame.y - np.float32(y)) * np.float32(1.0 / half_height)
    return np.sqrt(np.maximum(1.0 - across * across - down * down, 0.0))


def _body_chord(frame: Frame, anatomy: Anatomy) -> FloatArray:
    torso = anatomy.half_width + anatomy.wall
    half = curve_at(frame.y - np.float32(anatomy.shoulder_y), _BODY)
    lower = soft_step(frame.y - np.float32(-3.5), 6.0)
    half = half * (1.0 - lower) + np.float32(torso + 1.0) * lower
    depth = anatomy.body_depth * (0.64 + 0.36 * soft_step(frame.y + np.float32(9.5), 11.0))
    ratio = np.minimum(frame.u / half, 1.0)
    ratio *= ratio
    return float32(depth * np.sqrt(1.0 - ratio * (np.float32(0.45) + np.float32(0.55) * ratio)))


def _breasts(frame: Frame, anatomy: Anatomy) -> FloatArray:
    if not anatomy.breast:
        return np.zeros_like(frame.u)
    across = (frame.u - np.float32(anatomy.breast_u)) * np.float32(1 / 6.5)
    down = frame.y - np.float32(anatomy.breast_y)
    down = np.where(down > 0, down * np.float32(1 / 4.2), down * np.float32(1 / 8.5))
    return float32(
        np.float32(anatomy.breast)
        * np.clip(1.0 - across * across - down * down, 0.0, 1.0) ** np.float32(0.75)
    )


def _airways(frame: Frame) -> FloatArray:
    """Return the air chord of trachea and main bronchi in cm."""
    trachea = _tube(frame, (0.0, -22.0), (0.3, -3.6), 0.85)
    right = _tube(frame, (0.2, -3.8), (-3.4, -0.6), 0.62)
    left = _tube(frame, (0.4, -3.8), (4.2, -1.6), 0.55)
    return np.maximum(np.maximum(trachea, right), left) * np.float32(1.3)


def _tube(
    frame: Frame, start: tuple[float, float], end: tuple[float, float], radius: float
) -> FloatArray:
    """Return the chord through a straight round tube in cm."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = frame.x - np.float32(start[0]), frame.y - np.float32(start[1])
    along = np.clip(
        (x * np.float32(dx) + y * np.float32(dy)) * np.float32(1.0 / (dx * dx + dy * dy)), 0.0, 1.0
    )
    x = x - along * np.float32(dx)
    y = y - along * np.float32(dy)
    return float32(2.0 * np.sqrt(np.maximum(np.float32(radius**2) - x * x - y * y, 0.0)))


def _stomach_gas(frame: Frame, anatomy: Anatomy, dome: FloatArray) -> FloatArray:
    if not anatomy.bubble:
        return np.zeros_like(frame.u)
    radius = anatomy.bubble
    centre = anatomy.dome_left_y + 0.9 + radius
    bubble = _ball(frame, 5.6, centre, radius * 1.45, radius)
    return np.float32(2.6 * radius) * bubble * soft_step(frame.y - dome - np.float32(0.7), 0.6)
