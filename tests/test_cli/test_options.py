from __future__ import annotations

from dataclasses import dataclass

import pytest

from medx.cli.options import resolve_config
from medx.core.errors import InputError, UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Config:
    name: str = "a"
    size: int | None = None
    rate: float = 0.5
    flip: bool = True
    tags: tuple[str, ...] | str = ()


def resolve(*assignments, **given):
    return resolve_config(Config(), given=given, assignments=list(assignments))


def test_options_win_over_assignments_over_the_file(tmp_path):
    (tmp_path / "c.yaml").write_text("name: file\nsize: 1\nrate: 1\n")
    config = resolve_config(
        Config(), given={"name": "option"}, config_file=tmp_path / "c.yaml", assignments=["size=2"]
    )
    assert (config.name, config.size, config.rate) == ("option", 2, 1)


@pytest.mark.parametrize(
    "assignment", ["size=3", "size=null", "rate=2", "flip=no", "name='1'", "tags=[a, b]"]
)
def test_values_of_the_right_type_pass(assignment):
    assert resolve(assignment)


def test_scientific_notation_is_a_number():
    assert resolve("rate=1e-3").rate == 0.001


@pytest.mark.parametrize(
    "assignment",
    ["size=[", "size=true", "size=1.5", "name=1", "name=null", "flip=1", "flip=maybe", "rate=fast"],
)
def test_values_that_cannot_be_are_clear_errors(assignment):
    with pytest.raises(InputError, match=assignment.partition("=")[0]):
        resolve(assignment)


def test_unknown_settings_get_a_near_name():
    with pytest.raises(UnknownNameError) as caught:
        resolve("sise=3")
    assert "did you mean 'size'" in caught.value.hint
