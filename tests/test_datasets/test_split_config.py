import pytest

from medx.core.errors import InputError
from medx.datasets.split.config import Holdout, SplitConfig, parse_fractions, parse_holdout


def test_what_people_type_is_read():
    assert parse_fractions("0.8, 0,0.2") == (0.8, 0.0, 0.2)
    assert parse_holdout("source= B,C ,B") == Holdout(column="source", values=("B", "C"))
    assert str(parse_holdout("source=B,C")) == "source=B,C"


@pytest.mark.parametrize("text", ["", "0.7;0.3", "a,b,c"])
def test_fractions_that_are_no_numbers_are_refused(text):
    with pytest.raises(InputError, match="must be numbers"):
        parse_fractions(text)


@pytest.mark.parametrize(
    "fractions",
    [(0.7, 0.3), (0.7, 0.2, 0.2), (0, 0.5, 0.5), (1.2, -0.1, -0.1), (float("nan"),) * 3],
)
def test_fractions_that_are_no_shares_are_refused(fractions):
    with pytest.raises(InputError, match="sum to 1"):
        SplitConfig(fractions=fractions)


@pytest.mark.parametrize("text", ["", "B", "=B", "source=", "source=,"])
def test_a_holdout_without_column_or_value_is_refused(text):
    with pytest.raises(InputError, match="source=NAME"):
        parse_holdout(text)


@pytest.mark.parametrize(
    "settings",
    [
        {"folds": 2},
        {"folds": 5, "keep_official": True},
        {"keep_official": True, "holdout": Holdout(column="source", values=("B",))},
        {"drop_leaks": True, "allow_leaks": True},
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings):
    with pytest.raises(InputError):
        SplitConfig(**settings)
