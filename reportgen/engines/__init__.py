"""What writes reports, by name."""

from medx.core.registry import Entry, Registry

ENGINES = Registry(
    "engine",
    {
        "medgemma": Entry(
            "reportgen.engines.medgemma:MedGemmaEngine",
            "Google's MedGemma through transformers; gated weights.",
        ),
        "transformers": Entry(
            "reportgen.engines.transformers_engine:TransformersEngine",
            "Any image-text-to-text model on this machine, named by --model.",
        ),
        "openai": Entry(
            "reportgen.engines.openai:OpenAIEngine",
            "Any OpenAI-compatible server, such as vLLM with MedGemma.",
        ),
        "mock": Entry(
            "reportgen.engines.mock:MockEngine",
            "Writes from the evidence alone, without looking; for trying things out.",
        ),
    },
)
