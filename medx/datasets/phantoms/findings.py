"""Findings painted into a synthetic chest by changing its chord lengths, before exposure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medx.datasets.phantoms.anatomy import (
    CARDIOMEGALY_RATIO,
    Anatomy,
    FloatArray,
    dome_height,
    enlarge_heart,
    float32,
    heart_extent,
    outer_border,
    soft_step,
)
from medx.datasets.phantoms.textures import draw_cloud, draw_net
from medx.datasets.phantoms.thorax import Thorax, heart_mask

SIZES = ("small", "moderate", "large")
_BOX_SHARE = 0.15  # of the strongest change: what lies below is too faint to box


@dataclass(frozen=True, kw_only=True)
class FindingPlan:
    """What to paint; fields as in `PhantomFinding`."""

    name: str
    side: str
    zone: str
    size: str


@dataclass(frozen=True, kw_only=True)
class PhantomFinding(FindingPlan):
    """One finding of a rendered image.

    Attributes:
        name: One of `FINDINGS`.
        side: `left` or `right` as the patient's own side (the patient's left is on the image's
            right), `bilateral`, or `midline`.
        zone: `upper`, `mid` or `lower` third of the lung, `diffuse`, or `cardiac`.
        size: `small`, `moderate` or `large`.
        box: (x, y, width, height) in pixels of the rendered image, origin at the top left.
    """

    box: tuple[int, int, int, int]


def draw_plan(name: str, rng: np.random.Generator, *, opposite: str | None = None) -> FindingPlan:
    """Draw side, zone and size of a finding.

    Args:
        name: One of `FINDINGS`.
        rng: Source of randomness.
        opposite: A side to stay away from, so that two findings do not cover each other.
    """
    side = ("left", "right")[int(rng.integers(2))]
    zone = ("upper", "mid", "lower")[int(rng.choice(3, p=(0.25, 0.3, 0.45)))]
    size = SIZES[int(rng.choice(3, p=(0.35, 0.4, 0.25)))]
    if side == opposite:
        side = "left" if side == "right" else "right"
    if name == "cardiomegaly":
        side, zone = "midline", "cardiac"
    elif name == "interstitial opacity":
        side, zone = "bilateral", "lower" if zone == "lower" else "diffuse"
    elif name == "pleural effusion":
        zone = "lower"
    elif name == "pneumothorax":
        zone = "upper"
    return FindingPlan(name=name, side=side, zone=zone, size=size)


def prepare_anatomy(
    plans: tuple[FindingPlan, ...], anatomy: Anatomy, rng: np.random.Generator
) -> Anatomy:
    """Return the anatomy to build, with the heart enlarged where a plan says so."""
    span = {"small": (0.565, 0.595), "moderate": (0.60, 0.65), "large": (0.66, 0.72)}
    for plan in plans:
        if plan.name == "cardiomegaly":
            ratio = rng.uniform(*span[plan.size])
            return enlarge_heart(anatomy, max(ratio, CARDIOMEGALY_RATIO))
    return anatomy


def paint_finding(plan: FindingPlan, thorax: Thorax, rng: np.random.Generator) -> PhantomFinding:
    """Change `thorax` in place so that it shows `plan`, and return the finding with its box."""
    change = _PAINTERS[plan.name](plan, thorax, rng)
    return PhantomFinding(
        name=plan.name, side=plan.side, zone=plan.zone, size=plan.size, box=_tight_box(change)
    )


def _tight_box(change: FloatArray) -> tuple[int, int, int, int]:
    strong = change > _BOX_SHARE * float(change.max())
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    if not rows.size:
        raise ValueError("a finding must change at least one pixel, got none")
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def _side_mask(thorax: Thorax, side: str) -> FloatArray:
    return float32(thorax.frame.left == (side == "left"))


def _place(
    plan: FindingPlan, thorax: Thorax, rng: np.random.Generator, margin: float
) -> tuple[float, float]:
    """Draw a point (x, y) in cm inside the plan's zone, `margin` cm clear of its ends."""
    anatomy = thorax.anatomy
    top, bottom = anatomy.apex_y + 1.0, dome_height(anatomy, thorax.pose, plan.side) - 0.4
    third = (bottom - top) / 3.0
    start = top + third * ("upper", "mid", "lower").index(plan.zone)
    inset = min(margin, 0.45 * third)
    y = rng.uniform(start + inset, start + third - inset)
    outer = float(outer_border(np.array([y], dtype=np.float32), anatomy)[0])
    right, left = heart_extent(anatomy)
    heart = (left if plan.side == "left" else right) - 0.4
    inner = {"upper": 3.6, "mid": 4.2, "lower": max(heart, 4.2)}[plan.zone]
    inner = min(inner, outer - 2.5)
    u = inner + (outer - inner) * rng.uniform(0.3, 0.72)
    return (u if plan.side == "left" else -u), y


def _paint_consolidation(plan: FindingPlan, thorax: Thorax, rng: np.random.Generator) -> FloatArray:
    """Fill airspaces in merging blobs; bronchi keep their air, vessels lose their contrast."""
    low, high = {"small": (1.5, 2.1), "moderate": (2.4, 3.2), "large": (3.6, 4.6)}[plan.size]
    radius = rng.uniform(low, high)
    x, y = _place(plan, thorax, rng, 0.8 * radius)
    cloud = draw_cloud(thorax.frame, x, y, radius, rng) * _side_mask(thorax, plan.side)
    depth = rng.uniform(0.42, 0.72) * (1.0 if plan.size != "small" else 0.8)
    lost = thorax.lung * cloud * np.float32(depth)
    thorax.lung -= lost
    airways = thorax.vessels * cloud
    thorax.tissue -= airways * np.float32(rng.uniform(0.5, 1.1))
    thorax.vessels -= airways
    return lost


def _paint_effusion(plan: FindingPlan, thorax: Thorax, rng: np.random.Generator) -> FloatArray:
    """Fill the base up to a meniscus that climbs along the chest wall."""
    anatomy, frame = thorax.anatomy, thorax.frame
    low, high = {"small": (0.9, 1.9), "moderate": (-3.2, -0.8), "large": (-9.5, -5.0)}[plan.size]
    level = dome_height(anatomy, thorax.pose, plan.side) + rng.uniform(low, high)
    rise = rng.uniform(1.6, 2.8) if plan.size == "small" else rng.uniform(2.5, 4.2)
    wall = np.exp(np.minimum(frame.u - thorax.outer, 0.0) * np.float32(1.0 / rng.uniform(1.7, 2.8)))
    below = frame.y - (np.float32(level) - np.float32(rise) * wall)
    fluid = soft_step(below, 0.7) * (
        np.float32(0.52) + np.float32(0.26) * soft_step(below - 1.2, 3.0)
    )
    # Fluid lies in the pleural space beside the mediastinum, not through it.
    open_space = soft_step(frame.u - np.float32(3.3), 3.0)
    aerated = thorax.lung / (thorax.cavity + np.float32(0.1))  # low behind heart and diaphragm
    open_space = open_space * np.clip(aerated * np.float32(5.0) - 0.8, 0.0, 1.0)
    room = thorax.lung * open_space * _side_mask(thorax, plan.side)
    lost = room * fluid
    if not lost.any():  # less fluid than a pixel holds still dims the one it would gather in
        deepest = np.where(room > 0, below, -np.inf).argmax()
        lost.flat[deepest] = room.flat[deepest] * np.float32(0.26)
    thorax.vessels -= thorax.vessels * np.minimum(lost, 1.0)
    thorax.lung -= lost
    return float32(lost)


def _paint_pneumothorax(plan: FindingPlan, thorax: Thorax, rng: np.random.Generator) -> FloatArray:
    """Part the lung from the chest wall: free gas without vessels outside a thin pleural line."""
    anatomy, frame = thorax.anatomy, thorax.frame
    sizes = {
        "small": (1.3, 2.0, 0.9, -2.0),
        "moderate": (2.4, 3.4, 1.9, 5.0),
        "large": (4.5, 6.5, 4.2, 16.0),
    }
    low, high, lateral, end = sizes[plan.size]
    drop, lateral = rng.uniform(low, high), lateral * rng.uniform(0.8, 1.25)
    taper = np.clip((np.float32(end) - frame.y) * np.float32(0.125), 0.0, 1.0)
    edge = (
        outer_border(frame.y - np.float32(drop) * np.minimum(taper * 2.0, 1.0), anatomy)
        - np.float32(lateral) * taper
    )
    slope = np.gradient(edge[:, 0], frame.pixel)[:, None].astype(np.float32)
    distance = (frame.u - edge) / np.sqrt(1.0 + slope * slope)  # cm outside the lung's surface
    side = _side_mask(thorax, plan.side)
    space = soft_step(distance, max(0.15, frame.pixel)) * side * (taper > 0)
    width = max(0.09, 0.55 * frame.pixel)
    line = (
        np.exp(-((distance * np.float32(1.0 / width)) ** 2)) * side * np.minimum(taper * 4.0, 1.0)
    )
    gas = thorax.lung * space * np.float32(rng.uniform(0.6, 0.95))
    thorax.tissue += line * np.minimum(thorax.lung, 1.0) * np.float32(0.8 * min(1.0, 0.2 / width))
    thorax.vessels -= thorax.vessels * space
    collapse = {"small": 0.0, "moderate": 0.03, "large": 0.12}[plan.size]
    thorax.lung -= gas + (thorax.lung - gas) * side * np.float32(collapse)
    thorax.gas += gas
    return float32(gas)


def _paint_cardiomegaly(plan: FindingPlan, thorax: Thorax, rng: np.random.Generator) -> FloatArray:
    """Return the heart itself, which `prepare_anatomy` has already enlarged."""
    heart = heart_mask(thorax.frame, thorax.anatomy, thorax.pose)
    return np.minimum(heart, 1.0) * (thorax.frame.y < thorax.dome)


def _paint_nodule(plan: FindingPlan, thorax: Thorax, rng: np.random.Generator) -> FloatArray:
    """Put a slightly lobulated ball of soft tissue into the lung."""
    frame = thorax.frame
    low, high = {"small": (0.5, 0.7), "moderate": (0.8, 1.05), "large": (1.15, 1.5)}[plan.size]
    radius = rng.uniform(low, high)
    x, y = _place(plan, thorax, rng, 1.2)
    stretch, phase, lobes = rng.uniform(0.88, 1.12), rng.uniform(0.0, 6.28), rng.integers(2, 5)
    across, down = (frame.x - np.float32(x)) * np.float32(stretch), frame.y - np.float32(y)
    angle = np.arctan2(down, across)
    size = np.float32(radius) * (
        1.0 + np.float32(0.04) * np.cos(np.float32(lobes) * angle + np.float32(phase))
    )
    # A ball smaller than a pixel still darkens that pixel by its share of the volume.
    reach = np.maximum(size, np.float32(0.75 * frame.pixel))
    chord = (
        2.0
        * size
        * (size / reach) ** 2
        * np.sqrt(np.maximum(1.0 - (across**2 + down**2) / reach**2, 0.0))
    )
    density = np.float32(rng.uniform(1.15, 1.7))  # flecks of calcium raise it above water
    thorax.tissue += chord * density
    return float32(chord)


def _paint_interstitial(plan: FindingPlan, thorax: Thorax, rng: np.random.Generator) -> FloatArray:
    """Thicken the interstitium of both lungs into a net of fine lines over a faint haze."""
    frame = thorax.frame
    strength = {"small": 0.75, "moderate": 1.2, "large": 1.75}[plan.size] * rng.uniform(0.85, 1.15)
    share = np.clip(thorax.lung * np.float32(0.12), 0.0, 1.0)
    if plan.zone == "lower":
        share = share * (
            np.float32(0.12) + np.float32(0.88) * soft_step(frame.y - np.float32(0.0), 7.0)
        )
    net = draw_net(frame.size, 2.0 * thorax.pose.half_field, rng)
    added = share * (np.float32(0.22) + np.float32(0.95) * net) * np.float32(strength)
    thorax.tissue += added
    return float32(share)


_PAINTERS: dict[str, Callable[[FindingPlan, Thorax, np.random.Generator], FloatArray]] = {
    "consolidation": _paint_consolidation,
    "pleural effusion": _paint_effusion,
    "pneumothorax": _paint_pneumothorax,
    "cardiomegaly": _paint_cardiomegaly,
    "nodule": _paint_nodule,
    "interstitial opacity": _paint_interstitial,
}
