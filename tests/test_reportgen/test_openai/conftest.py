"""Engines that ask a server which fails on purpose, with short pauses."""

from __future__ import annotations

import pytest
from fault_server import FaultServer

from reportgen.config import ReportConfig
from reportgen.engines.openai import OpenAIEngine
from reportgen.engines.openai_http import Retries

QUICK = Retries(attempts=3, first=0.01, patience=5.0)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """Keys and addresses of a developer's own must not decide a test."""
    for name in ("MEDX_OPENAI_BASE_URL", "MEDX_OPENAI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def make_engine():
    """Make an engine for a server."""

    def build(server: FaultServer, retries: Retries = QUICK, **config) -> OpenAIEngine:
        values = {"engine": "openai", "base_url": server.url, **config}
        return OpenAIEngine(ReportConfig(**values), retries)

    return build
