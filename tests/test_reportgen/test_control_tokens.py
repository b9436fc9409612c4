import re

from hypothesis import given
from hypothesis import strategies as st

from reportgen.control_tokens import MAX_CHARACTERS, neutralise_control_tokens, plain_line

TOKENS = ["<end_of_turn>", "<start_of_turn>", "<start_of_image>", "<image_soft_token>", "<eos>",
          "<unused94>", "<|turn|>", "[INST]", "[multimodal]", "</s>"]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=8)), max_size=8).map("".join))
def test_no_token_survives_and_twice_is_once(text):
    once = neutralise_control_tokens(text)
    assert not any(token in once for token in TOKENS)
    assert neutralise_control_tokens(once) == once


def test_clinical_text_is_left_alone():
    text = "nodule < 5 mm, effusion > 200 ml, SpO2 <92%, [P1]"
    assert neutralise_control_tokens(text) == text


@given(st.text(max_size=2000))
def test_a_plain_line_is_short_and_printable(text):
    line = plain_line(text)
    assert len(line) <= MAX_CHARACTERS
    assert line.isprintable()
    assert not re.search(r"\s\s", line)
