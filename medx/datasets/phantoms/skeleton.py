"""Ribs, clavicles, scapulae and spine as chords of mineralised bone."""

import numpy as np

from medx.datasets.phantoms.anatomy import Anatomy, FloatArray, Frame, float32, soft_step


def bone_chord(frame: Frame, anatomy: Anatomy, outer: FloatArray) -> FloatArray:
    """Return cortical-bone-equivalent chord in cm, float32 (H, W).

    Args:
        frame: Pixel grid in patient coordinates.
        anatomy: The patient.
        outer: Half-width of the chest cavity per row in cm, (H, 1).
    """
    bone = _ribs(frame, anatomy, outer)
    bone += _spine(frame)
    bone += _clavicles(frame, anatomy)
    bone += _scapulae(frame, anatomy)
    return bone


def _ribs(frame: Frame, anatomy: Anatomy, outer: FloatArray) -> FloatArray:
    """Draw all ribs at once as a periodic band over a phase field.

    A rib is a loop in a plane that drops by `rib_slope` cm for each cm it runs forward, so seen
    from the front its posterior half is flat near the spine and steep at the side, and its anterior
    half comes back towards the midline while still falling.
    """
    ring = outer + np.float32(0.35)
    across = np.minimum(frame.u / ring, 1.0)
    inside = soft_step(ring - frame.u, max(0.4, frame.pixel))
    forward = np.sqrt(np.maximum(1.0 - across * across, 0.004))  # 1 in the midline, 0 at the side
    depth = np.float32(0.62 * anatomy.half_width * anatomy.rib_slope)
    steep = across / forward * np.float32(0.62 * anatomy.rib_slope)
    tangential = np.minimum(0.75 + 0.25 / forward, 2.4)
    start = np.float32(anatomy.apex_y + 1.2 + anatomy.rib_phase)
    head = np.float32(0.9) * np.exp(-frame.u * np.float32(0.55))
    per_pitch = np.float32(1.0 / anatomy.rib_pitch)
    behind = float32((frame.y - depth * (1.0 - forward) - head - start) * per_pitch)
    front = float32((frame.y - depth * (1.0 + 1.1 * forward) - start) * per_pitch)
    upright = float32(anatomy.rib_pitch / np.sqrt(1.0 + steep * steep))  # cm across per phase
    band = _band(behind, upright, 0.62, frame.pixel) * soft_step(frame.u - np.float32(2.0), 1.2)
    bony = soft_step(frame.u - np.float32(0.5 * anatomy.half_width), 3.0)  # the rest is cartilage
    bony = bony * soft_step(float32(8.3 - front), 1.5)
    band += np.float32(0.75) * _band(front, upright, 0.74, frame.pixel) * bony
    return float32(band * tangential * inside * np.float32(0.36 * anatomy.rib_bone))


def _band(phase: FloatArray, upright: FloatArray, half: float, pixel: float) -> FloatArray:
    """Return the profile across ribs centred on whole phases: a plate with denser margins."""
    nearest = np.rint(phase)
    distance = np.abs(phase - nearest) * upright  # cm from the rib's axis
    blur = max(0.22, pixel * 1.1)
    plate = soft_step(np.float32(half) - distance, blur)
    hollow = soft_step(np.float32(half - 0.26) - distance, blur)
    return float32((plate - np.float32(0.42) * hollow) * ((nearest >= 0) & (nearest < 11)))


def _spine(frame: Frame) -> FloatArray:
    """Draw vertebral bodies that grow downwards, disc gaps, pedicles and spinous processes."""
    down = frame.y + 20.0
    level = down * 0.5 - np.float32(0.0035) * down**2  # (H, 1) vertebra number
    offset = level - np.rint(level)
    part = np.abs(offset)  # 0 in mid-body, 0.5 in the disc
    body = 1.0 - soft_step(part - np.float32(0.40), 0.10)
    endplate = np.exp(-(((part - np.float32(0.37)) * 16.0) ** 2))
    half = 1.55 + 0.022 * (frame.y + 12.0) + 0.22 * (2.0 * part) ** 2
    column = soft_step(half - frame.u, 0.45) * (0.5 + 0.4 * body + 0.3 * endplate)
    pedicle = np.exp(-((frame.u - 1.15) ** 2) * 7.0) * np.exp(-((offset * 2.05 + 0.25) ** 2) * 7.0)
    process = np.exp(-(frame.u**2) * 9.0) * np.exp(-(((part - 0.45) * 2.2) ** 2) * 6.0)
    return float32(column + np.float32(0.4) * pedicle + np.float32(0.35) * process)


def _clavicles(frame: Frame, anatomy: Anatomy) -> FloatArray:
    u = np.maximum(frame.u - np.float32(1.9), 0.0)
    bow = np.float32(0.75) * np.sin(u * np.float32(0.42))
    axis = np.float32(anatomy.clavicle_y) - u * np.float32(0.33) + bow
    half = 0.72 + 0.5 * np.exp(-u * np.float32(0.9))
    distance = np.abs(frame.y - axis) * np.float32(0.94)
    chord = np.sqrt(np.maximum(half * half - distance * distance, 0.0))
    marrow = np.sqrt(np.maximum((half - 0.2) ** 2 - distance * distance, 0.0))
    ends = soft_step(frame.u - np.float32(1.7), 0.8) * soft_step(np.float32(16.5) - frame.u, 1.5)
    return float32((chord - np.float32(0.72) * marrow) * ends * np.float32(1.8))


def _scapulae(frame: Frame, anatomy: Anatomy) -> FloatArray:
    """Draw the blades, rotated off the lungs but for their medial edge, and the humeral heads."""
    edge = np.float32(anatomy.half_width - 1.4) + (frame.y + 9.0) * np.float32(0.17)
    beyond = frame.u - edge
    height = soft_step(frame.y + 11.5, 1.5) * soft_step(3.0 - frame.y - 0.5 * beyond, 2.0)
    blade = soft_step(beyond, 0.5) * soft_step(np.float32(5.5) - beyond, 2.0)
    border = np.exp(-((beyond - 0.25) ** 2) * 9.0)
    plate = height * (np.float32(0.22) * blade + np.float32(0.3) * border)
    head_u = frame.u - np.float32(anatomy.half_width + 5.2)
    head_y = frame.y - np.float32(anatomy.shoulder_y + 3.4)
    head = np.sqrt(np.maximum(5.3 - head_u * head_u - head_y * head_y, 0.0))
    shaft = soft_step(1.3 - np.abs(head_u - 0.9), 0.5) * soft_step(head_y - 0.5, 1.0)
    return float32(plate + 0.3 * head + 0.5 * shaft)
