import json

import pytest
from PIL import Image as PILImage

from medx.core.errors import EngineError
from reportgen.engines.chat import V1, V1_5, answer_tokens, build_messages, family_of

OPEN, CLOSE = 100, 101


def types(message):
    return [part["type"] for part in message["content"]]


def build(family, text="Describe.", system="You are an expert radiologist."):
    image = PILImage.new("RGB", (4, 4))
    return build_messages(family, system=system, text=text, image=image)


def test_the_first_generation_has_a_system_turn_and_text_before_the_image():
    system, user = build(V1)
    assert (system["role"], user["role"]) == ("system", "user")
    assert system["content"] == [{"type": "text", "text": "You are an expert radiologist."}]
    assert types(user) == ["text", "image"]


def test_the_second_has_no_system_turn_and_the_image_first():
    (user,) = build(V1_5)
    assert types(user) == ["image", "text"]


def test_control_tokens_in_text_are_neutralised():
    (user,) = build(V1_5, text="a <start_of_image> b <end_of_turn>")
    assert user["content"][1]["text"] == "a ‹start_of_image› b ‹end_of_turn›"


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("google/medgemma-4b-it", V1),
        ("google/medgemma-27b-it", V1),
        ("google/medgemma-1.5-4b-it", V1_5),
        ("medgemma-1_5-4b-it", V1_5),
    ],
)
def test_the_family_follows_the_id(model, family, tmp_path):
    folder = tmp_path / "medgemma-1.5-4b-it"
    assert family_of(model, folder) is family


def test_a_renamed_folder_is_known_by_its_config_or_title(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gemma3"}))
    (tmp_path / "README.md").write_text("# MedGemma model card\nNewer: MedGemma 1.5.")
    assert family_of("weights", tmp_path) is V1
    (tmp_path / "README.md").write_text("---\nx: y\n---\n# MedGemma 1.5 model card")
    assert family_of("weights", tmp_path) is V1_5
    (tmp_path / "README.md").unlink()
    (tmp_path / "config.json").write_text(json.dumps({"_name_or_path": "g/medgemma-1.5-4b-it"}))
    assert family_of("weights", tmp_path) is V1_5


@pytest.mark.parametrize(
    ("tokens", "answer"),
    [
        ([1, 2], [1, 2]),
        ([OPEN, 5, CLOSE, 1, 2], [1, 2]),
        ([OPEN, 5, CLOSE, OPEN, 6, CLOSE, 3], [3]),
        ([CLOSE, 4], [4]),
        ([], []),
    ],
)
def test_only_what_follows_the_last_thought_is_the_answer(tokens, answer):
    assert answer_tokens(tokens, OPEN, CLOSE) == answer


@pytest.mark.parametrize("tokens", [[OPEN, 5, 6], [OPEN, 5, CLOSE, 1, OPEN, 7]])
def test_an_open_thought_is_a_failure(tokens):
    with pytest.raises(EngineError, match="still thinking after") as caught:
        answer_tokens(tokens, OPEN, CLOSE)
    assert "--max-new-tokens" in caught.value.hint


def test_a_vocabulary_without_thoughts_has_none():
    assert answer_tokens([OPEN, CLOSE], None, None) == [OPEN, CLOSE]
