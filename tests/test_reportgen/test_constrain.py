import importlib.util
import json
from typing import Annotated, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model
from test_reportgen.tiny_llava import build_tiny_llava
from transformers import AutoProcessor

from medx.core.errors import EngineError
from reportgen.config import ReportConfig
from reportgen.contract import answer_model
from reportgen.engines.constrain import Constrainer
from reportgen.engines.medgemma import MedGemmaEngine
from reportgen.engines.string_bounds import Bounds, Cursor, take_bounds
from reportgen.engines.transformers_engine import TransformersEngine

ENOUGH = 2500


class Reading(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(min_length=1, max_length=12)]
    likelihood: Literal["high", "low"]


class Small(BaseModel):
    """The shape of an answer, small."""

    model_config = ConfigDict(extra="forbid")
    extent: Annotated[str, StringConstraints(min_length=3, max_length=5)]
    readings: Annotated[list[Reading], Field(min_length=1, max_length=2)]
    tags: Annotated[list[Annotated[str, StringConstraints(max_length=4)]], Field(max_length=2)]
    certain: bool


@pytest.fixture(scope="module")
def gemma(tiny_medgemma):
    return MedGemmaEngine(ReportConfig(weights=str(tiny_medgemma), device="cpu", batch_size=8))


@pytest.fixture(scope="module")
def llava(tmp_path_factory):
    folder = build_tiny_llava(tmp_path_factory.mktemp("weights") / "tiny-llava")
    return TransformersEngine(ReportConfig(model=str(folder), device="cpu", batch_size=8))


@pytest.fixture
def ask(make_request, strategies, make_evidence):
    """Make one request for JSON of every strategy."""

    def build(**changes):
        values = {"max_new_tokens": ENOUGH, **changes}
        evidence = make_evidence()
        return [
            make_request(strategy=name, **{"schema": answer_model(strategy, evidence), **values})
            for name, strategy in strategies.items()
        ]

    return build


def sample(engine, requests, seed):
    """Draw from the model as it is, held to the requests' schemas; return the answers' text."""
    engine.prepare()
    constrainer = engine._constrainer
    inputs = engine._inputs(requests)
    torch.manual_seed(seed)
    with torch.inference_mode():
        output = engine._network.generate(
            **inputs,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=requests[0].max_new_tokens,
            logits_processor=[constrainer.processor([request.schema for request in requests])],
        )
    written = output[:, inputs["input_ids"].shape[-1] :].tolist()
    return [constrainer.spell(engine._vocabulary.until_stop(row)) for row in written]


def test_random_weights_meet_every_contract_in_a_batch_and_alone(gemma, ask):
    requests = ask()
    answers = dict(gemma.generate_all(requests))
    for position, asked in enumerate(requests):
        asked.schema.model_validate_json(answers[position].text)
        assert not answers[position].cut_off
    assert len(answers) == 4
    alone = gemma.generate(requests[0])
    assert (alone.text, alone.tokens) == (answers[0].text, answers[0].tokens)


def test_so_does_another_architecture(llava, ask):
    requests = ask()[:2]
    answers = dict(llava.generate_all(requests))
    for position, asked in enumerate(requests):
        asked.schema.model_validate_json(answers[position].text)


def test_sampling_from_random_weights_meets_every_contract(gemma, ask):
    requests = ask()
    for asked, text in zip(requests, sample(gemma, requests, seed=0), strict=True):
        asked.schema.model_validate_json(text)


@pytest.mark.parametrize("name", ["gemma", "llava"])
def test_every_seed_gives_valid_answers(name, make_request, request):
    engine = request.getfixturevalue(name)
    asked = [make_request(schema=Small, max_new_tokens=200)] * 16
    texts = [text for seed in range(2) for text in sample(engine, asked, seed)]
    for text in texts:
        Small.model_validate_json(text)
    assert len(set(texts)) > 25  # and it was sampling indeed


def test_json_and_free_text_go_in_one_batch(gemma, make_request):
    held, free = make_request(schema=Small, max_new_tokens=150), make_request(max_new_tokens=150)
    answers = dict(gemma.generate_all([free, held]))
    assert answers[0].text == gemma.generate(free).text
    assert answers[0].cut_off
    Small.model_validate_json(answers[1].text)


def test_an_answer_cut_off_in_its_json_is_a_failure(gemma, make_request):
    requests = [make_request(schema=Small, max_new_tokens=5), make_request(max_new_tokens=5)]
    answers = dict(gemma.generate_all(requests))
    assert "cut off after 5 tokens" in str(answers[0])
    assert answers[0].hint == "raise --max-new-tokens"
    assert answers[1].cut_off
    with pytest.raises(EngineError, match="in the middle of its JSON"):
        gemma.generate(requests[0])


def test_a_schema_that_the_vocabulary_cannot_spell_is_a_failure(gemma, make_request):
    unspeakable = create_model("Unspeakable", **{"肺": (bool, ...)})
    with pytest.raises(EngineError, match="no token of the model can go on"):
        gemma.generate(make_request(schema=unspeakable))


def test_without_xgrammar_json_is_not_enforced_and_that_is_said_once(
    tiny_medgemma, make_request, monkeypatch, capfd
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "xgrammar" else find(name)
    )
    engine = MedGemmaEngine(ReportConfig(weights=str(tiny_medgemma), device="cpu"))
    asked = make_request(schema=Small, max_new_tokens=5)
    for _ in range(2):
        (answer,) = dict(engine.generate_all([asked])).values()
        assert "cut off" in str(answer)
    said = capfd.readouterr().err
    assert said.count("JSON is asked for but not enforced") == 1
    assert "pip install 'medx[structured]'" in said


def test_tokens_that_could_spoil_json_spell_nothing(tiny_medgemma):
    tokenizer = AutoProcessor.from_pretrained(tiny_medgemma).tokenizer
    known = tokenizer.get_vocab()
    constrainer = Constrainer(tokenizer, vocab_size=len(known), stop_tokens=[known["<eos>"]])
    spelled = {name: constrainer.spelling[number] for name, number in known.items()}
    for name in ("<0x0A>", "<0x80>", "<0xE9>", "<unused94>", "<start_of_image>", "<eos>", "\\"):
        assert spelled[name] == ""
    assert (spelled["▁"], spelled["h"], spelled['"']) == (" ", "h", '"')


def test_bounds_are_taken_out_of_the_grammar_and_kept_by_path():
    free, bounds = take_bounds(Small)
    assert bounds == {
        ("extent",): Bounds(fewest=3, most=5),
        ("readings", "*", "name"): Bounds(fewest=1, most=12),
    }
    fields = json.loads(free)["properties"]
    assert "maxLength" not in fields["extent"]
    assert "maxLength" not in str(fields["readings"])
    assert fields["readings"]["maxItems"] == 2
    assert fields["tags"]["items"]["maxLength"] == 4  # an entry of a list keeps its own


PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'))
VALUES = st.recursive(
    PLAIN | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
)


@given(st.dictionaries(PLAIN, VALUES, max_size=3), PLAIN, PLAIN, st.integers(0, 12))
def test_the_cursor_knows_the_field_it_is_in(before, name, value, step):
    text = json.dumps({"x": [before], "deep": [{"in": before, name: value}]}, ensure_ascii=False)
    end = len(text) - len('"}]}')
    cursor = Cursor()
    for start in range(0, end, step + 1):  # however the text is cut
        cursor.read(text[start : min(start + step + 1, end)])
    assert cursor.path == ("deep", "*", name)
    assert cursor.length == len(value)
    cursor.read('"}]}')
    assert cursor.path is None
