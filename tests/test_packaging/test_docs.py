import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
REFERENCE = (ROOT / "docs" / "commands.md").read_text()
HELP = dict(re.findall(r"^## `medx (.*?)`$\n+```text\n(.*?)^```", REFERENCE, re.M | re.S))


def anchors(page):
    """Return what the headings of a page can be linked as."""
    text = page.read_text()
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return set(re.findall(r'<a name="([^"]+)">', text)) | {
        re.sub(r"[^\w -]", "", title).lower().strip().replace(" ", "-") for title in titles
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), (page.name, target)
        assert linked.is_relative_to(ROOT)
        if anchor and linked.is_file():
            assert anchor in anchors(linked), (page.name, target)


def commands(page):
    """Return the medx commands in the code blocks of a page, as lists of words."""
    blocks = re.findall(r"^```(?:sh|bash)?\n(.*?)^```", page.read_text(), re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = (re.match(r"(?:\w+=\S+ )*(medx (?:[a-z]+\b).*)", line) for line in lines)
    return [match[1].partition(" #")[0].split()[1:] for match in found if match]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_the_options_that_pages_say(page):
    for words in commands(page):
        name = max((n for n in HELP if words[: len(n.split())] == n.split()), key=len, default=None)
        assert name or [n for n in HELP if n.startswith(words[0])], words
        for option in re.findall(r" (--[a-z-]+)", " " + " ".join(words)):
            assert name, words
            assert re.search(rf"{option}\b", HELP[name]), (page.name, name, option)


def test_pages_have_commands_to_check():
    assert sum(len(commands(page)) for page in PAGES) > 100


def test_the_extras_that_the_readme_lists_are_all_there_are():
    project = (ROOT / "pyproject.toml").read_text()
    section = project.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = set(re.findall(r"^(\w+) = \[", section, re.M)) - {"dev", "test"}
    assert set(re.findall(r"^\| `(\w+)` \|", readme("| extra | for |"), re.M)) == extras


def readme(heading):
    """Return the table of the README that begins with ``heading``."""
    return (ROOT / "README.md").read_text().partition(heading)[2].partition("\n\n")[0]


def test_the_commands_behind_the_results_are_there():
    page = re.sub(r"<!--.*?-->", "", (ROOT / "docs" / "results.md").read_text(), flags=re.S)
    scripts = set(re.findall(r"python (benchmarks/\w+\.py)", page))
    assert len(scripts) > 10
    assert [name for name in scripts if not (ROOT / name).is_file()] == []
