"""Prompt strategies by name."""

from medx.core.registry import Entry, Registry

STRATEGIES = Registry(
    "strategy",
    {
        "concise": Entry(
            "reportgen.strategies.builtin:CONCISE", "Two or three sentences and an impression."
        ),
        "structured": Entry(
            "reportgen.strategies.builtin:STRUCTURED",
            "Technique, comparison, findings by region, impression, recommendation.",
        ),
        "differential": Entry(
            "reportgen.strategies.builtin:DIFFERENTIAL",
            "Ranked diagnoses, each with what speaks for and against it.",
        ),
        "grounded": Entry(
            "reportgen.strategies.builtin:GROUNDED",
            "Findings by region on a digest of the evidence, and what contradicts them.",
        ),
    },
)
