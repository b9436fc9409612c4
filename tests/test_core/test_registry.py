import pytest

from medx.core.errors import MissingExtraError, UnknownNameError
from medx.core.registry import Entry, Registry

TABLE = Registry(
    "thing",
    {
        "counter": Entry("collections:Counter"),
        "absent": Entry("no_such_module:X", extra="milvus"),
        "broken": Entry("no_such_module:X"),
    },
)


def test_names_load_lazily():
    from collections import Counter

    assert TABLE.load("counter") is Counter
    assert list(TABLE) == ["counter", "absent", "broken"]


def test_unknown_names_get_near_ones():
    with pytest.raises(UnknownNameError, match="unknown thing 'conter'") as caught:
        TABLE.load("conter")
    assert "did you mean 'counter'" in caught.value.hint


@pytest.mark.parametrize("offline", ["0", "1"])
def test_a_missing_extra_says_how_to_install_it(monkeypatch, offline):
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, offline)
    with pytest.raises(MissingExtraError) as caught:
        TABLE.load("absent")
    first, *elsewhere = caught.value.hint.splitlines()
    assert first == "pip install 'medx[milvus]'"
    assert bool(elsewhere) == (offline == "1")
    if elsewhere:
        assert elsewhere[1] == "  pip wheel --wheel-dir DIR -c constraints.txt '.[milvus]'"
        assert elsewhere[-1] == "  pip install --no-index --find-links DIR 'medx[milvus]'"


def test_what_the_base_install_lacks_is_no_missing_extra():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        TABLE.load("broken")
