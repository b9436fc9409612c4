from dataclasses import replace

import pytest

from medx.core.errors import InputError
from reportgen.prompt import render_prompt


@pytest.mark.parametrize("name", ["concise", "structured", "differential"])
def test_prompts_state_native_size_and_every_item(name, strategies, make_evidence):
    evidence = make_evidence()
    prompt = render_prompt(strategies[name], evidence)
    assert "native resolution is 28 × 28 pixels" in prompt.text
    assert "Do not name or describe small structures" in prompt.text
    assert all(f"[{item.id}] {item.statement}" in prompt.text for item in evidence.items())
    assert all(section.heading in prompt.text for section in strategies[name].sections)


def test_the_system_prompt_is_the_model_cards(strategies, make_evidence):
    assert render_prompt(strategies["concise"], make_evidence()).system == (
        "You are an expert radiologist."
    )


def test_another_modality_has_another_reader(strategies, make_evidence):
    prompt = render_prompt(strategies["structured"], make_evidence(modality="colon histology"))
    assert prompt.system == "You are an expert pathologist."
    assert "Lungs" not in prompt.text


def test_large_images_may_be_described_as_usual(strategies, make_evidence):
    text = render_prompt(strategies["concise"], make_evidence(image_size=(2048, 1536))).text
    assert "2048 × 1536" in text
    assert "small structures" not in text


def test_without_evidence_the_prompt_says_so(strategies, make_evidence):
    text = render_prompt(strategies["concise"], make_evidence(prediction=None, neighbours=[])).text
    assert "no evidence besides the image" in text
    assert "[P1]" not in text


def test_synthetic_images_are_called_so(strategies, make_evidence):
    evidence = make_evidence(synthetic=True, modality="synthetic chest radiograph")
    text = render_prompt(strategies["concise"], evidence).text
    assert "a chest radiograph" in text
    assert "The image is synthetic" in text


def test_all_missing_variables_are_named_at_once(strategies, make_evidence):
    broken = replace(strategies["concise"], template="{{ history }} {{ modality }}\n{{ age }}")
    with pytest.raises(InputError, match=r"concise\.md, line 14: unknown variables: age, history"):
        render_prompt(broken, make_evidence())


@pytest.mark.parametrize("template", ["\n{% if %}", "\n{{ items.nothing.there }}", "\n{{ 1 / 0 }}"])
def test_a_broken_template_is_one_error_with_its_line(template, strategies, make_evidence):
    with pytest.raises(InputError, match=r"^concise\.md, line 15: "):
        render_prompt(replace(strategies["concise"], template=template), make_evidence())


def test_the_hash_follows_both_turns(strategies, make_evidence):
    prompt = render_prompt(strategies["concise"], make_evidence())
    assert prompt.sha256 == render_prompt(strategies["concise"], make_evidence()).sha256
    assert prompt.sha256 != prompt.model_copy(update={"system": ""}).sha256


def test_template_code_in_evidence_stays_text(strategies, make_evidence):
    text = render_prompt(strategies["concise"], make_evidence(notes=["{{ 7 * 7 }}"])).text
    assert "Note: {{ 7 * 7 }}" in text
