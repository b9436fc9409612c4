import pytest

from medx.core import settings


@pytest.mark.parametrize("name", ["MEDX_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize(
    ("word", "offline"),
    [
        *((word, True) for word in ("1", "true", "Yes", "ja")),
        *((word, False) for word in ("0", "False", "no", "")),
    ],
)
def test_only_a_clear_no_leaves_the_network_open(monkeypatch, name, word, offline):
    for other in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, word)
    assert settings.offline() is offline
