from retrieval.encoders import ENCODERS, encoder_entry
from retrieval.encoders.biomedclip_files import BIOMEDCLIP


def test_the_command_says_what_each_encoder_can(cli):
    found = {e["name"]: e for e in cli("retrieve", "encoders", "--json").json["encoders"]}
    for name in ("biomedclip", "medsiglip", "open_clip:NAME[/PRETRAINED]", "compact"):
        assert found[name]["text"]
    assert not found["timm:NAME"]["text"]
    assert not found["classifier:RUN"]["text"]
    assert found["biomedclip"]["at_hand"] is False
    assert found["compact"]["at_hand"] is True
    assert found["timm:NAME"]["at_hand"] is None
    assert "MIT" in found["biomedclip"]["licence"]
    table = cli("retrieve", "encoders").stdout
    assert "depends" in table
    assert "classifier:RUN" in table


def test_weights_in_the_cache_are_at_hand(cli, tmp_path):
    repository = tmp_path / "hf" / "hub" / f"models--{BIOMEDCLIP.repository.replace('/', '--')}"
    snapshot = repository / "snapshots" / BIOMEDCLIP.revision
    snapshot.mkdir(parents=True)
    for names in BIOMEDCLIP.needs:
        (snapshot / names[0]).touch()
    found = cli("retrieve", "encoders", "--json").json["encoders"]
    assert next(e for e in found if e["name"] == "biomedclip")["at_hand"] is True


def test_what_is_said_of_an_encoder_is_what_it_does():
    for family in ("biomedclip", "medsiglip", "open_clip", "timm", "classifier", "compact"):
        assert ENCODERS.load(family).supports_text == encoder_entry(family).text
