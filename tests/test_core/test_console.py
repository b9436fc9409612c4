import re

import pytest

from medx.core.console import print_table, progress_bar


@pytest.mark.parametrize("words", ["[/foo]", "[red]x[/red]", "a [b] c"])
def test_a_table_shows_words_as_they_are(capfd, words):
    print_table([[words, None, 0.5]], columns=[f"col {words}", "b", "c"], title=f"for {words}")
    title, header, _, row = (line for line in capfd.readouterr().out.splitlines() if line.strip())
    assert title.strip() == f"for {words}"
    assert f"col {words} " in header
    assert words in row
    assert row.split()[-2:] == ["–", "0.500"]


def test_a_title_wider_than_its_table_is_one_line(capfd):
    title = "many images of a dataset " * 12
    print_table([["a", 1]], columns=("x", "y"), title=title)
    assert capfd.readouterr().out.splitlines()[0].strip() == title.strip()


def test_nothing_in_a_table_is_cut(capfd):
    print_table([["m" * 400, 1]], columns=("x", "y"))
    assert capfd.readouterr().out.count("m") == 400


def test_a_table_too_wide_becomes_several_and_no_cell_is_folded(capfd):
    figures = [f"0.{j}00 [0.000, 1.000]" for j in range(8)]
    rows = [[f"class {i}", i, *figures] for i in range(2)] + [["short", "too few"]]
    print_table(rows, columns=("class", "n", *(f"figure {j}" for j in range(8))), keep=2)
    lines = [line for line in capfd.readouterr().out.splitlines() if line.strip()]
    assert max(map(len, lines)) <= 160
    assert len(lines) == 2 * (2 + 3)  # two tables: header, rule, rows
    shown = " ".join(line for line in lines if line.strip().startswith("class 1"))
    assert re.split("  +", shown.strip()) == [
        "class 1",
        "1",
        *figures[:6],
        "class 1",
        "1",
        *figures[6:],
    ]


def test_a_table_that_fits_stays_one(capfd):
    print_table([["a", 1, 2]], columns=("x", "y", "z"), keep=1)
    assert len([line for line in capfd.readouterr().out.splitlines() if line.strip()]) == 3


def test_a_progress_bar_does_not_parse_its_words():
    with progress_bar("reading [/foo]", 2) as progress:
        progress.update(progress.task_ids[0], status="[/bar]")
        assert progress.get_renderable()
