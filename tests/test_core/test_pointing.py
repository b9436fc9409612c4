import pytest

from medx.core.pointing import keep_pointing, point_at


def test_the_place_is_below_the_text():
    assert point_at("label == 3", 6, 2) == "  label == 3\n        ^^"
    assert point_at("ab", 2) == "  ab\n    ^"


def test_long_texts_are_cut_around_the_place():
    line, carets = point_at("x" * 200 + "!" + "y" * 200, 200).splitlines()
    assert len(line) == 2 + 50 + 30
    assert line[carets.index("^")] == "!"


def test_what_is_not_printable_is_a_blank():
    assert point_at("a\x1b[31m\n!", 7) == "  a [31m !\n         ^"


@pytest.mark.parametrize("message", ["one", "two\nlines", "a  b\n\n", "", "ends with\n^ caret"])
def test_other_messages_stand_on_one_line(message):
    assert keep_pointing(message) == " ".join(message.split())


def test_a_drawing_is_kept():
    drawn = point_at("label  == 3", 7, 2)
    assert keep_pointing(f"cannot read\nthe filter\n{drawn}") == f"cannot read the filter\n{drawn}"
