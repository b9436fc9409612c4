import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = (ROOT / "pyproject.toml").read_text()
PACKAGES = re.findall(r'"(\w+)"', re.search(r"^packages = (\[.*\])$", PROJECT, re.M)[1])


def test_what_calls_itself_typed_is_read_as_typed():
    assert "Typing :: Typed" in PROJECT
    assert PACKAGES
    assert all((ROOT / package / "py.typed").is_file() for package in PACKAGES)


def test_every_extra_that_a_message_names_exists():
    extras = set(re.findall(r"^(\w+) = \[", PROJECT.partition("[project.optional-")[2], re.M))
    code = "".join(p.read_text() for name in PACKAGES for p in (ROOT / name).rglob("*.py"))
    named = set(re.findall(r'(?:MissingExtraError|require_packages)\([^,()]+, "(\w+)"', code))
    named |= set(re.findall(r'^EXTRA = "(\w+)"', code, re.M))
    assert {"clinical", "explain", "export", "milvus", "quantise", "serve"} <= named <= extras
