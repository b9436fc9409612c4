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


def test_a_progress_bar_does_not_parse_its_words():
    with progress_bar("reading [/foo]", 2) as progress:
        progress.update(progress.task_ids[0], status="[/bar]")
        assert progress.get_renderable()
