"""Telling that two images are the same picture, whatever their names and file formats."""

from __future__ import annotations

import hashlib

import numpy as np

from medx.core.images import Pixels


def content_hash(pixels: Pixels) -> str:
    """Return the hex SHA-256 of the shape and values of decoded pixels."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
