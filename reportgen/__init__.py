"""Report generation: strategies, engines, evidence, reports."""
