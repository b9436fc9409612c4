import pytest
import torch

from medx.core.device import resolve_precision


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_named_precision_stays(precision):
    assert resolve_precision(precision, "cpu") == precision


def test_auto_is_bf16_where_the_processor_computes_with_it(monkeypatch):
    for able, expected in (({"avx512_bf16": True}, "bf16"), ({"avx2": True}, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert resolve_precision("auto", "cpu") == expected
    assert resolve_precision("auto", "mps") == "fp32"
