"""Embeddings of the places of an image, from the patch tokens of a vision transformer.

The tokens of the last layer take the way of the class token: normalisation, then the projection
into the space of the texts, as BioViL reads them (Boecking et al. 2022, arXiv:2204.09817). A CLIP
tower learned only from its class token, so such a map is a hint at best: Li et al. 2023
(arXiv:2304.05653) show how it can point at the background.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def patch_embeddings(visual: Any, inputs: Tensor) -> Tensor | None:
    """Return ``(B, rows, cols, dim)`` of images, or None for a tower that has no such tokens.

    Args:
        visual: The image tower of an open_clip model.
        inputs: ``(B, 3, H, W)``.
    """
    if hasattr(visual, "trunk"):
        return _timm_patches(visual, inputs)
    if hasattr(visual, "transformer") and getattr(visual, "attn_pool", 0) is None:
        return _own_patches(visual, inputs)
    return None


def _timm_patches(visual: Any, inputs: Tensor) -> Tensor | None:
    trunk = visual.trunk
    # Other pools (attention, average before a norm) leave no token that fits the projection.
    if getattr(trunk, "global_pool", "") != "token" or not hasattr(trunk, "num_prefix_tokens"):
        return None
    tokens = trunk.forward_features(inputs)[:, trunk.num_prefix_tokens :]
    projected = visual.head(trunk.head(trunk.fc_norm(tokens)))
    return _as_grid(projected, inputs, trunk.patch_embed.patch_size)


def _own_patches(visual: Any, inputs: Tensor) -> Tensor | None:
    if visual.pool_type == "none":
        return None
    tokens = visual.ln_post(visual.transformer(visual._embeds(inputs)))[:, 1:]
    projected = tokens if visual.proj is None else tokens @ visual.proj
    return _as_grid(projected, inputs, visual.patch_size)


def _as_grid(tokens: Tensor, inputs: Tensor, patch: tuple[int, int]) -> Tensor:
    grid = (inputs.shape[2] // patch[0], inputs.shape[3] // patch[1])
    return torch.unflatten(tokens, 1, grid)
