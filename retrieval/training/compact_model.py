"""The torch model behind the `compact` encoder, for training it.

Answering uses the NumPy towers of ``retrieval.encoders.compact`` on the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from retrieval.encoders.vocabulary import MAX_TOKENS


@dataclass(frozen=True, kw_only=True)
class CompactArchitecture:
    """Sizes of both towers; stored beside the weights.

    Args:
        image_size: Side of the square grey input in pixels.
        widths: Channels of each residual stage; the first runs at half the input's side.
        depths: Residual blocks of each stage.
        vocabulary_size: Token ids including padding.
        text_width: Width of the text tower.
        text_depth: Transformer layers.
        text_heads: Attention heads.
        dim: Length of the embeddings.
    """

    image_size: int = 64
    widths: tuple[int, ...] = (32, 64, 128, 256)
    depths: tuple[int, ...] = (2, 2, 2, 1)
    vocabulary_size: int = 1
    text_width: int = 128
    text_depth: int = 2
    text_heads: int = 4
    dim: int = 256


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C', H / stride, W / stride)``."""
        kept = self.shortcut_norm(self.shortcut(x)) if hasattr(self, "shortcut") else x
        hidden = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(hidden)) + kept)


class ImageTower(nn.Module):
    """A small residual network over grey images."""

    def __init__(self, architecture: CompactArchitecture) -> None:
        super().__init__()
        widths = architecture.widths
        self.stem = nn.Conv2d(1, widths[0], 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        blocks = []
        previous = widths[0]
        for stage, (width, depth) in enumerate(zip(widths, architecture.depths, strict=True)):
            for i in range(depth):
                blocks.append(ResidualBlock(previous, width, 2 if stage and not i else 1))
                previous = width
        self.blocks = nn.ModuleList(blocks)
        self.projection = nn.Linear(previous, architecture.dim, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map grey images ``(B, 1, S, S)`` in [0, 1] to embeddings ``(B, dim)``."""
        hidden = functional.relu(self.stem_norm(self.stem(images * 4.0 - 2.0)))
        for block in self.blocks:
            hidden = block(hidden)
        embedded: Tensor = self.projection(hidden.mean((2, 3)))
        return embedded


class TextLayer(nn.Module):
    """A pre-norm transformer layer (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map ``(B, L, W)`` to ``(B, L, W)``; ``mask`` ``(B, L)`` is True at words."""
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v, mask[:, None, None, :])
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        changed: Tensor = self.down(functional.relu(self.up(self.norm2(x))))
        return x + changed


class TextTower(nn.Module):
    """A small transformer over words, averaged over the words of the text."""

    def __init__(self, architecture: CompactArchitecture) -> None:
        super().__init__()
        width = architecture.text_width
        self.words = nn.Embedding(architecture.vocabulary_size, width, padding_idx=0)
        self.positions = nn.Parameter(torch.randn(MAX_TOKENS, width) * 0.02)
        self.layers = nn.ModuleList(
            TextLayer(width, architecture.text_heads) for _ in range(architecture.text_depth)
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, architecture.dim, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Map token ids ``(B, L)`` to embeddings ``(B, dim)``; a text of no words gives zero."""
        mask = ids > 0
        # A row of no words would softmax over nothing: let it see its padding, then drop it.
        visible = mask | ~mask.any(1, keepdim=True)
        hidden = self.words(ids) + self.positions[: ids.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden, visible)
        weights = mask.float() / mask.sum(1, keepdim=True).clamp(min=1)
        embedded: Tensor = self.projection((self.norm(hidden) * weights[..., None]).sum(1))
        return embedded


class CompactModel(nn.Module):
    """Both towers and the temperature of the contrast between them."""

    def __init__(self, architecture: CompactArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.image = ImageTower(architecture)
        self.text = TextTower(architecture)
        self.log_scale = nn.Parameter(torch.tensor(2.3))
