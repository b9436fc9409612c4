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


def test_a_missing_extra_says_how_to_install_it():
    with pytest.raises(MissingExtraError) as caught:
        TABLE.load("absent")
    assert caught.value.hint == "pip install 'medx[milvus]'"


def test_what_the_base_install_lacks_is_no_missing_extra():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        TABLE.load("broken")
