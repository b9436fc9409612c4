"""What a phantom dataset of blood-smear fields holds: objects, virtual labs and settings."""

from __future__ import annotations

from dataclasses import dataclass

RED_CELL = "red blood cell"
STAGES: tuple[str, ...] = ("ring", "trophozoite", "schizont", "gametocyte")
LEUKOCYTE = "leukocyte"
DIFFICULT = "difficult"
CATEGORIES: tuple[str, ...] = (RED_CELL, LEUKOCYTE, *STAGES, DIFFICULT)
LABS: tuple[str, ...] = ("lab-A", "lab-B", "lab-C", "lab-D")

SMALLEST, LARGEST = 128, 4096  # pixels; below, a parasite is no more than a dot


@dataclass(frozen=True, kw_only=True)
class SmearConfig:
    """Settings of one phantom dataset; a field depends on all but `count`, and on its index.

    Attributes:
        count: Number of fields.
        width: Width in pixels, 128-4096. A field always shows about 8750 µm².
        height: Height in pixels, 128-4096.
        seed: Non-negative seed.
        cells: Mean number of red cells in a field, 0-250.
        parasitaemia: Chance, 0-1, that a red cell is infected.
        leukocytes: Mean number of leukocytes in a field, 0-5.
        stain_strength: How far the labs' stain, light and camera differ: 0 not at all, 1 fully.
        fields_per_slide: Consecutive fields that share slide, lab and split.
    """

    count: int = 100
    width: int = 640
    height: int = 480
    seed: int = 0
    cells: float = 95.0
    parasitaemia: float = 0.03
    leukocytes: float = 0.2
    stain_strength: float = 1.0
    fields_per_slide: int = 5

    def __post_init__(self) -> None:
        """Refuse settings that cannot be drawn."""
        bounds = {
            "count": (1, 1_000_000),
            "width": (SMALLEST, LARGEST),
            "height": (SMALLEST, LARGEST),
            "seed": (0, 2**63),
            "cells": (0, 250),
            "parasitaemia": (0, 1),
            "leukocytes": (0, 5),
            "stain_strength": (0, 1),
            "fields_per_slide": (1, 1000),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in {low}-{high}, got {getattr(self, name)}")
