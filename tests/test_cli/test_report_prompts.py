"""``medx report prompts``."""

import re
from pathlib import Path

from reportgen.strategies import STRATEGIES
from reportgen.strategies.load import load_strategy

MINE = """\
---
name: mine
sections:
  - name: answer
---
{% include "image" %}
{% include "evidence" %}
Is anything wrong?
"""


def test_built_in_strategies_are_listed(cli):
    listed = cli("report", "prompts", "list", "--json").json["strategies"]
    assert [s["name"] for s in listed] == list(STRATEGIES)
    assert "technique, comparison, findings" in cli("report", "prompts", "list").stdout


def test_what_is_shown_is_a_file_to_start_from(cli, tmp_path):
    for name in STRATEGIES:
        shown = cli("report", "prompts", "show", name).stdout
        path = tmp_path / "my.md"
        path.write_text(shown.replace(f"name: {name}\n", "name: my\n", 1), encoding="utf-8")
        own, built_in = load_strategy(path), load_strategy(name)
        assert (own.sections, own.system_prompt) == (built_in.sections, built_in.system_prompt)
        assert own.template.strip() == built_in.template.strip()


def test_a_filled_prompt_is_what_an_engine_gets(cli):
    shown = cli("report", "prompts", "show", "grounded", "--filled").stdout
    assert shown.startswith("system: You are an expert radiologist.")
    assert "[N1] Similar archived image of another patient" in shown
    assert "{{" not in shown


def test_an_unknown_prompt_gets_a_near_name(cli):
    done = cli("report", "prompts", "show", "structred")
    assert done.exit_code == 1
    assert "did you mean 'structured'?" in done.stderr


def test_every_built_in_strategy_passes_its_check_without_a_remark(cli):
    for name in STRATEGIES:
        done = cli("report", "prompts", "check", name, "--json")
        assert (done.exit_code, done.json["problems"], done.json["remarks"]) == (0, [], [])
        assert list(done.json["json_schema"]["properties"]) == done.json["strategy"]["sections"]


def test_a_check_tells_what_a_file_uses_and_costs(cli, tmp_path):
    path = tmp_path / "mine.md"
    path.write_text(MINE, encoding="utf-8")
    done = cli("report", "prompts", "check", path)
    assert done.exit_code == 0
    assert "of 400 allowed" in done.stdout
    assert '"maxLength": 400' in done.stdout
    result = cli("report", "prompts", "check", path, "--json").json
    assert "items" in result["strategy"]["variables"]
    assert result["available"].keys() >= set(result["strategy"]["variables"])
    assert 250 < result["prompt_tokens"] < 600
    assert result["answer_tokens"] == 104  # {"answer":"…400…"} over four


def test_a_check_remarks_on_what_may_not_be_meant(cli, tmp_path):
    path = tmp_path / "mine.md"
    text = MINE.replace("  - name: answer", "  - name: answer\n    max_characters: 4000")
    text = text.replace('{% include "evidence" %}', "Answer in JSON.")
    path.write_text(text.replace('{% include "image" %}', "x" * 9000), encoding="utf-8")
    done = cli("report", "prompts", "check", path)
    assert done.exit_code == 0
    for words in ("evidence never reaches", "what an image of this size", "speaks of JSON",
                  "may be cut off", "the prompt is long"):  # fmt: skip
        assert words in done.stdout


def test_a_check_of_what_cannot_be_used_ends_with_1(cli, tmp_path):
    path = tmp_path / "mine.md"
    path.write_text(MINE + "\n{{ items[7].statement }}\n", encoding="utf-8")
    for file in (path, tmp_path / "none.md"):
        done = cli("report", "prompts", "check", file, "--json")
        assert done.exit_code == 1
        assert done.json["problems"]
    done = cli("report", "prompts", "check", path)
    assert done.exit_code == 1
    assert "problem: mine.md, line 10: UndefinedError" in done.stdout


def test_the_example_of_the_documentation_works(cli, tmp_path):
    page = Path(__file__, "../../../docs/report.md").resolve().read_text(encoding="utf-8")
    path = tmp_path / "triage.md"
    path.write_text(re.search(r"```\n(---\n.*?)```", page, re.DOTALL)[1], encoding="utf-8")
    done = cli("report", "prompts", "check", path, "--json")
    assert (done.exit_code, done.json["problems"], done.json["remarks"]) == (0, [], [])
