"""MedGemma (Google, 2025 and 2026) through transformers: a Gemma 3 with a SigLIP image tower."""

from __future__ import annotations

from reportgen.engines.chat import Family, family_of
from reportgen.engines.transformers_engine import TransformersEngine, locate_weights
from reportgen.engines.weights import Weights


class MedGemmaEngine(TransformersEngine):
    """Writes with MedGemma 1 or 1.5, spoken to as their model cards do."""

    name = "medgemma"

    def _locate(self) -> Weights:
        """Return the weights asked for, or of whichever MedGemma is at hand."""
        return locate_weights(self.config)

    def _find_family(self) -> Family:
        """Return the layout of the model's generation."""
        return family_of(self.weights.model, self.weights.folder)
