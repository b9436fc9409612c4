"""A tiny BiomedCLIP and its export, made once."""

import pytest
from test_retrieval.tiny_biomedclip import write_tiny_biomedclip

from medx.core.console import listening
from retrieval.encoders.biomedclip import BiomedCLIPEncoder
from retrieval.encoders.runtimes.export_encoder import export_encoder
from retrieval.encoders.runtimes.exported_files import load_export


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return write_tiny_biomedclip(tmp_path_factory.mktemp("weights") / "biomedclip", heads=2)


@pytest.fixture(scope="session")
def original(tiny):
    return BiomedCLIPEncoder(tiny, device="cpu")


@pytest.fixture(scope="session")
def export_notes():
    """What the user was told while the export was made."""
    return []


@pytest.fixture(scope="session")
def exported_cache(tiny, tmp_path_factory, export_notes):
    """A cache that holds the export, at fp32 and int8."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch, listening(export_notes.append):
        patch.setenv("MEDX_CACHE_DIR", str(cache))
        patch.setenv("MEDX_OFFLINE", "1")
        export_encoder("biomedclip", weights=tiny)
    return cache


@pytest.fixture
def exported(exported_cache, monkeypatch):
    """The folder of the export; the test's own cache is that which holds it."""
    monkeypatch.setenv("MEDX_CACHE_DIR", str(exported_cache))
    (folder,) = (exported_cache / "encoders").iterdir()
    assert load_export(folder).encoder.name == "biomedclip"
    return folder
