"""A user's own strategy: what a file may say, and where an error in it is."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medx.core.errors import InputError, MedxError, UnknownNameError
from reportgen.config import ReportConfig
from reportgen.contract import answer_model, read_answer
from reportgen.engines.mock import MARK, MockEngine
from reportgen.prompt import render_prompt
from reportgen.sections import parse_sections
from reportgen.strategies import STRATEGIES
from reportgen.strategies.base import SectionKind
from reportgen.strategies.load import MAX_BYTES, load_strategy
from reportgen.strategies.strategy_file import parse_strategy

FILE = """\
---
name: triage
version: 3
summary: Urgent or not.
system: You triage for a {{ specialist }}.
sections:
  - name: urgency
    aliases: [triage]
    max_characters: 60
  - name: seen
    kind: regions
  - name: reasons
    kind: ranked
    min_entries: 3
max_new_tokens: 333
---
{% include "evidence" %}

How urgent is this {{ modality }}?
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "triage.md"
    file.write_text(FILE, encoding="utf-8")
    return file


def test_a_file_becomes_a_strategy(path):
    triage = load_strategy(path)
    assert (triage.name, triage.version, triage.max_new_tokens) == ("triage", 3, 333)
    assert triage.summary == "Urgent or not."
    urgency, seen, reasons = triage.sections
    assert (urgency.aliases, urgency.max_characters) == (("triage",), 60)
    assert (seen.kind, seen.min_entries) == (SectionKind.regions, 1)
    assert (reasons.kind, reasons.min_entries, reasons.max_entries) == (SectionKind.ranked, 3, 4)
    assert load_strategy(str(path)) == triage


def test_both_forms_of_the_answer_are_asked_for(path, make_evidence):
    triage, evidence = load_strategy(path), make_evidence()
    prompt = render_prompt(triage, evidence)
    assert prompt.system == "You triage for a radiologist."
    assert "How urgent is this chest radiograph?" in prompt.text
    for words in ("URGENCY:", "- Heart and mediastinum: text", "3 to 4 readings", "Against: "):
        assert words in prompt.text
    schema = answer_model(triage, evidence)
    asked = render_prompt(triage, evidence, schema=schema).text
    for field in schema.model_json_schema()["properties"]:
        assert f'"{field}": ' in asked
    assert '"heart_and_mediastinum"' in asked
    assert "URGENCY:" not in asked


def test_the_mock_meets_the_contract_of_a_file(path, make_evidence, make_request):
    triage = load_strategy(path)
    for evidence in (make_evidence(), make_evidence(prediction=None, neighbours=[])):
        request = make_request(evidence)
        text = MockEngine(ReportConfig()).generate(replace(request, strategy=triage)).text
        assert text.startswith(MARK)
        assert parse_sections(text, triage.sections).missing == []
        assert read_answer(text, triage, evidence, schema=None).schema_valid is None


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("version: 3", "version: none", 3, "version: Input should be a valid integer"),
        ("version: 3", "version: [", 5, "expected ',' or ']'"),
        ("version: 3", "verison: 3", 3, "verison: Extra inputs are not permitted"),
        ("name: triage\n", "", 2, "name: Field required"),
        ("name: triage\n", "name: all\n", 2, "name must not be 'all'"),
        ("name: triage\n", "name: a--b\n", 2, "name must not hold '--'"),
        ("name: triage\n", "name: ../x\n", 2, "name: String should match pattern"),
        ("kind: regions", "kind: region", 11, "sections.1.kind: Input should be 'text'"),
        ("kind: ranked", "kind: text", 12, "min_entries and max_entries are for sections of kind"),
        ("min_entries: 3", "min_entries: 3\n    max_entries: 2", 12, "max_entries must be >="),
        ("name: seen", "name: Against", 10, "'Against' cannot be a heading"),
        ("name: seen", "name: größe", 10, "'größe' cannot be a heading"),
        ("name: seen", "name: Triage", 6, "names and aliases of sections must differ"),
        ("name: seen", 'name: "1 a"', 10, "sections.1.name: String should match"),
        ("How urgent", "{% if %}", 19, "Expected an expression"),
        ("How urgent", "{{ urgency }}", 19, "unknown variables: urgency"),
        ("{{ specialist }}", "{{ doctor }}", None, "unknown variables: doctor"),
        ('"evidence"', '"/etc/passwd"', 17, "there is no part '/etc/passwd'"),
        ('include "evidence"', 'import "x" as y', 17, "there is no part 'x'"),
    ],
)
def test_an_error_is_told_with_its_line(old, new, line, reason):
    where = f"t.md, line {line}: " if line else "t.md: system: "
    with pytest.raises(InputError) as error:
        parse_strategy(FILE.replace(old, new, 1), "t.md")
    assert str(error.value).startswith(where)
    assert reason in str(error.value)


#: Each line stands for nine times the one above.
BOMB = "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{above}'] * 9)}]}}\n"
    for above, name in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "t.md, line 1: a strategy begins with YAML between two lines of ---"),
        ("name: x\n---\nbody", "line 1: a strategy begins"),
        ("---\nname: x\nsections: [{name: a}]\n---\n\n", "line 5: there is no prompt below"),
        ("---\n- a\n---\nbody", "the part between the --- lines"),
        ("---\nname: &a [*a]\n---\nbody", "t.md, line 2: *a: write it out"),
        (f"---\na: &a {{k: 1}}\n{BOMB}---\nbody", "t.md, line 3: *a: write it out"),
        ("---\n\x00\n---\nbody", "t.md: "),
    ],
)
def test_what_is_no_strategy_is_refused(text, reason):
    with pytest.raises(InputError) as error:
        parse_strategy(text, "t.md")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(FILE) - 1), st.text(max_size=4) | st.sampled_from(["{{", "{%", "---\n"]))
def test_a_spoilt_file_is_a_strategy_or_one_clear_error(place, junk):
    told = "t.md"
    try:
        told = parse_strategy(FILE[:place] + junk + FILE[place + 1 :], "t.md").source
    except MedxError as error:
        told = str(error)
    assert told.startswith("t.md")


@st.composite
def section_entries(draw):
    kind = draw(st.sampled_from(["text", "regions", "ranked"]))
    if kind != "ranked":
        return {"kind": kind}
    fewest = draw(st.integers(1, 9))
    return {"kind": kind, "min_entries": fewest, "max_entries": draw(st.integers(fewest, 9))}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(section_entries(), min_size=1, max_size=5),
    st.sampled_from(["chest radiograph", "colon histology"]),
    st.lists(st.sampled_from(["normal", "pneumonia", None]), max_size=4),
    st.booleans(),
)
def test_the_mock_answers_any_strategy(
    make_evidence, make_hits, make_request, entries, modality, labels, predicted
):
    front = {"name": "any", "sections": [{"name": f"part {n}", **e} for n, e in enumerate(entries)]}
    strategy = parse_strategy(f"---\n{json.dumps(front)}\n---\nWrite.", "any.md")
    changes = {} if predicted else {"prediction": None}
    evidence = make_evidence(modality=modality, neighbours=make_hits(*labels), **changes)
    request = replace(make_request(evidence), strategy=strategy)
    first, second = (MockEngine(ReportConfig()).generate(request).text for _ in range(2))
    answer = read_answer(first, strategy, evidence, schema=None)
    assert answer.missing == []
    assert first == second
    for spec, section in zip(strategy.sections, answer.sections, strict=True):
        if spec.kind is SectionKind.ranked:
            assert spec.min_entries <= len(section.entries) <= spec.max_entries


@pytest.mark.parametrize(
    "code",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ items[0].parse_file('/etc/passwd') }}",
        "{{ items.append(1) }}",
        "{{ items[0].update({'statement': 'x'}) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format(items) }}",
        "{{ range(10 ** 9) | list }}",
    ],
)
def test_a_template_reaches_nothing_but_text(code, make_evidence):
    strategy = parse_strategy(FILE + code, "t.md")
    with pytest.raises(InputError, match=r"^t\.md, line 20: "):
        render_prompt(strategy, make_evidence())


def test_names_that_are_no_file_get_a_near_name():
    with pytest.raises(UnknownNameError, match="concize") as error:
        load_strategy("concize")
    assert "concise" in str(error.value.hint)


def test_a_file_must_be_readable_small_and_not_called_like_a_built_in(tmp_path):
    with pytest.raises(InputError, match="cannot read the strategy"):
        load_strategy(tmp_path / "none.md")
    with pytest.raises(InputError, match="cannot read the strategy"):
        load_strategy(tmp_path)
    file = tmp_path / "a.md"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot read the strategy"):
        load_strategy(file)
    file.write_text(FILE + "x" * MAX_BYTES, encoding="utf-8")
    with pytest.raises(InputError, match="too large"):
        load_strategy(file)
    file.write_text(FILE.replace("name: triage", "name: concise"), encoding="utf-8")
    with pytest.raises(InputError, match="the name of a built-in strategy"):
        load_strategy(file)


def test_the_registry_says_what_the_files_say():
    for name in STRATEGIES:
        strategy = STRATEGIES.load(name)
        assert (strategy.name, strategy.summary) == (name, STRATEGIES.entry(name).summary)
        assert strategy.system_prompt == "You are an expert {{ specialist }}."


def test_windows_line_ends_and_a_mark_in_front_do_no_harm(tmp_path, path):
    file = tmp_path / "dos.md"
    file.write_bytes(b"\xef\xbb\xbf" + FILE.replace("\n", "\r\n").encode())
    assert load_strategy(file).sections == load_strategy(path).sections
