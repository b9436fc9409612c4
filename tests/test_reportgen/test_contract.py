import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medx.core.errors import EngineError
from reportgen.contract import answer_model, read_answer
from reportgen.control_tokens import one_line
from reportgen.evidence import Evidence
from reportgen.sections import is_blank, is_empty_side, parse_sections
from reportgen.strategies import STRATEGIES
from reportgen.strategies.base import SectionKind, SectionSpec, Strategy

EVIDENCE = Evidence(
    image_id="a", dataset="toy", modality="chest radiograph", image_size=(64, 64), notes=["x"]
)
#: Names that are methods of a model, keywords, or near to the marks that headings carry.
ODD = Strategy(
    name="odd",
    version=1,
    summary="",
    system_prompt="",
    template="",
    sections=(
        SectionSpec(name="copy", aliases=("lambda",), max_characters=60),
        SectionSpec(name="model config", kind=SectionKind.regions, min_entries=1),
        SectionSpec(name="rank 2", kind=SectionKind.ranked, min_entries=3, max_entries=9),
    ),
    max_new_tokens=100,
)
STRATEGY = st.sampled_from([*map(STRATEGIES.load, STRATEGIES), ODD])
WORDS = st.sampled_from(
    ["Findings:", "IMPRESSION", "\n", "1. ", "For: ", "Against:", "- Lungs: ", "```", "none",
     "[P1]", "...", "<x>", "\x12", "\u2028", "copy", "clear", " ", "**", "lambda:", "\ud800", "2) "]
)  # fmt: skip
TEXT = st.lists(WORDS | st.text(max_size=8), max_size=6).map("".join)


def values_of(schema, node=None):
    """Make values of a JSON schema, of the few kinds that contracts have."""
    node = schema if node is None else node
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if node["type"] == "object":
        return st.fixed_dictionaries(
            {key: values_of(schema, child) for key, child in node["properties"].items()}
        )
    if node["type"] == "array":
        items = values_of(schema, node["items"])
        return st.lists(items, min_size=node["minItems"], max_size=node["maxItems"])
    return TEXT.map(lambda text: text[: node["maxLength"]]).filter(
        lambda text: len(text) >= node["minLength"]
    )


@st.composite
def answers(draw):
    strategy = draw(STRATEGY)
    schema = answer_model(strategy, EVIDENCE)
    return strategy, schema, draw(values_of(schema.model_json_schema()))


def blanks(strategy, answer):
    """Count what says nothing; a contract lists a wholly empty section once."""
    for spec in strategy.sections:
        value = answer[spec.key]
        if spec.kind is SectionKind.regions:
            yield from (is_blank(one_line(text)) for text in value.values())
        elif spec.kind is SectionKind.ranked:
            for entry in value:
                yield is_blank(one_line(entry["reading"]))
                yield from (is_empty_side(one_line(entry[side])) for side in ("for", "against"))
        else:
            yield is_blank("\n".join(one_line(line) for line in value.splitlines()))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answers())
def test_every_value_of_the_model_is_read_and_lacks_only_what_is_blank(made):
    strategy, schema, answer = made
    read = read_answer(json.dumps(answer), strategy, EVIDENCE, schema=schema)
    assert [section.name for section in read.sections] == [s.name for s in strategy.sections]
    assert len(read.missing) == sum(blanks(strategy, answer))
    assert parse_sections(read.text, strategy.sections).missing == read.missing
    assert read.text.encode()
    for spec, section in zip(strategy.sections, read.sections, strict=True):
        if spec.kind is not SectionKind.text:
            assert len(section.entries) == len(answer[spec.key])


@settings(max_examples=100, deadline=None)
@given(
    STRATEGY, TEXT | st.text(), st.sampled_from(["{}", "{{{}", '{{"findings": {}', "```json\n{}"])
)
def test_junk_is_read_or_refused_in_one_line(strategy, junk, frame):
    raw = frame.format(junk)
    assert read_answer(raw, strategy, EVIDENCE, schema=None).schema_valid is None
    with pytest.raises(EngineError) as refused:
        read_answer(raw, strategy, EVIDENCE, schema=answer_model(strategy, EVIDENCE))
    assert "\n" not in str(refused.value)


@pytest.fixture
def read():
    strategy = STRATEGIES.load("differential")
    schema = answer_model(strategy, EVIDENCE)
    return lambda raw: read_answer(raw, strategy, EVIDENCE, schema=schema)


def differential(**changes):
    entry = {"reading": "Haze", "likelihood": "high", "for": "map [H1]", "against": "size"}
    answer = {
        "findings": "Hazy.",
        "differential": [entry, {**entry, "reading": "Normal", "likelihood": "low"}],
        "impression": "Haze.",
    }
    return {**answer, **changes}


def test_json_is_laid_out_under_headings(read):
    answer = read(json.dumps(differential()))
    assert answer.schema_valid
    assert not answer.repaired
    assert answer.text == (
        "FINDINGS:\nHazy.\n\n"
        "DIFFERENTIAL:\n1. Haze (high)\nFor: map [H1]\nAgainst: size\n"
        "2. Normal (low)\nFor: map [H1]\nAgainst: size\n\n"
        "IMPRESSION:\nHaze."
    )


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda raw: f"```json\n{raw}\n```", "Hazy."),
        (lambda raw: f"Here is {{the}} report:\n{raw}\nDone.", "Hazy."),
        (lambda raw: raw.replace("Hazy.", "Ha\x12zy\t."), "Ha zy ."),
        (lambda raw: raw.replace("Hazy.", "x" * 900), "x" * 399 + "…"),
        (lambda raw: raw.replace("Hazy.", r"\ud800Hazy."), "Hazy."),
        (lambda raw: raw.replace("Hazy.", ""), "–"),
        (lambda raw: raw.replace('"findings"', '"mood": "good", "Findings"'), "Hazy."),
        (lambda raw: raw.replace('"Hazy."', '["Hazy", "dim"]'), "Hazy; dim"),
        (lambda raw: raw.replace('"high"', '"High"'), "Hazy."),
    ],
)
def test_small_faults_are_repaired_and_said(spoil, told, read):
    answer = read(spoil(json.dumps(differential())))
    assert (answer.schema_valid, answer.repaired) == (False, True)
    assert answer.sections[0].text == told
    assert len(answer.sections[1].entries) == 2


def test_what_stays_empty_is_listed(read):
    entry = {"reading": "", "likelihood": "low", "for": "None.", "against": ""}
    answer = read(json.dumps(differential(findings="", differential=[entry] * 2)))
    assert answer.missing[:2] == ["findings: empty", "differential 1: no reading"]
    assert len(answer.missing) == 7


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("FINDINGS: a\nIMPRESSION: b", "it holds no object; begins 'FINDINGS: a IMPRESSION: b'"),
        (json.dumps(differential())[:-4], "Unterminated string"),
        (json.dumps(differential(impression=3)), "impression: Input should be a valid string"),
        (json.dumps(differential(differential=[])), "differential: List should have at least 2"),
        (json.dumps(differential(differential=["a", "b"])), "differential.0: Input should be"),
        ('{"findings": "a"}', "differential: Field required; impression: Field required"),
        ('{"a":' * 100_000, "is not the JSON"),
        ('{"findings": ' + "9" * 5000 + "}", "is not the JSON"),
    ],
)
def test_what_cannot_be_repaired_is_named(raw, reason, read):
    with pytest.raises(EngineError, match=re.escape(reason)):
        read(raw)


def test_a_strategy_and_its_regions_have_one_class():
    strategy = STRATEGIES.load("structured")
    first = answer_model(strategy, EVIDENCE)
    assert first is answer_model(strategy, EVIDENCE.model_copy(update={"image_id": "b"}))
    other = answer_model(strategy, EVIDENCE.model_copy(update={"modality": "colon histology"}))
    assert list(other.model_json_schema()["$defs"]["FindingsRegions"]["properties"]) == ["image"]


def bounded(node):
    if isinstance(node, list):
        return all(map(bounded, node))
    if not isinstance(node, dict):
        return True
    limit = {"string": "maxLength", "array": "maxItems", "object": "properties"}.get(
        str(node.get("type"))
    )
    known = limit is None or limit in node or "enum" in node
    return known and all(map(bounded, node.values()))


@pytest.mark.parametrize("strategy", [*map(STRATEGIES.load, STRATEGIES), ODD], ids=lambda s: s.name)
def test_every_part_of_a_schema_is_bounded(strategy):
    assert bounded(answer_model(strategy, EVIDENCE).model_json_schema())
    assert not bounded({"type": "object", "properties": {"a": {"type": "string"}}})
