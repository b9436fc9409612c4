"""What writes reports, by name."""

from medx.core.registry import Entry, Registry

ENGINES = Registry(
    "engine",
    {
        "medgemma": Entry(
            "reportgen.engines.medgemma:MedGemmaEngine",
            "Google's MedGemma through transformers; gated weights.",
        ),
        "mock": Entry(
            "reportgen.engines.mock:MockEngine",
            "Writes from the evidence alone, without looking; for trying things out.",
        ),
    },
)
