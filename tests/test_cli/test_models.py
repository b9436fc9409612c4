import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest
from loopback_hub import serve_hub

from medx.core.models.catalogue import CATALOGUE

BIOMEDCLIP, MEDSIGLIP = CATALOGUE["biomedclip"], CATALOGUE["medsiglip"]
FILES = {
    "open_clip_config.json": b"{}",
    "open_clip_model.safetensors": bytes(range(256)) * 20,
    "tokenizer.json": b'{"version": "1.0"}',
    "README.md": b"not fetched",
}


@pytest.fixture
def hub():
    """BiomedCLIP's repository at its pinned commit, with other content."""
    with serve_hub(BIOMEDCLIP.repository, BIOMEDCLIP.revision, dict(FILES)) as served:
        yield served


@pytest.fixture
def medx(tmp_path):
    """Run ``medx`` in a process of its own: the hub's library reads its address when imported."""

    def run(*args, endpoint=None, online=True):
        env = {
            **os.environ,
            "NO_PROXY": "127.0.0.1",
            "HF_ENDPOINT": endpoint or "http://127.0.0.1:1",
        }
        if online:
            for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
                env.pop(name, None)
        command = [sys.executable, "-m", "medx.cli", "models", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)

    return run


def test_list_shows_what_is_at_hand_and_pinned(cli):
    listing = cli("models", "list", "--json").json
    models = {model["name"]: model for model in listing["models"]}
    assert set(models) == {"biomedclip", "medsiglip", "medgemma-1.5-4b-it", "medgemma-4b-it"}
    assert all(m["pinned"] and len(m["revision"]) == 40 and m["licence"] for m in models.values())
    assert [m["gated"] for m in models.values()] == [False, True, True, True]
    assert all(m["folder"] is None for m in models.values())
    table = cli("models", "list").stdout
    assert "biomedclip" in table
    assert "MIT" in table
    assert "timm:NAME" in table


def test_pull_fills_the_cache_and_verify_checks_it(hub, medx, cli):
    pulled = medx("pull", "biomedclip", endpoint=hub.url)
    assert pulled.returncode == 0, pulled.stderr
    assert "3 files" in pulled.stdout
    assert "licence: MIT" in pulled.stdout
    assert f"fetching {BIOMEDCLIP.repository} at {BIOMEDCLIP.revision[:12]}" in pulled.stderr
    folder = cli("models", "path", "biomedclip").stdout.strip()
    assert folder.endswith(f"snapshots/{BIOMEDCLIP.revision}")
    checked = cli("models", "verify", "biomedclip", "--json").json
    assert checked["ok"]
    assert {f["path"]: f["known_from"] for f in checked["files"]} == {
        "open_clip_config.json": "the pull",
        "open_clip_model.safetensors": "the pull, the hub",
        "tokenizer.json": "the pull",
    }
    assert cli("models", "list", "--json").json["models"][0]["folder"] == folder


def test_a_second_pull_downloads_nothing(hub, medx):
    medx("pull", "biomedclip", endpoint=hub.url)
    hub.asked.clear()
    again = medx("pull", "biomedclip", endpoint=hub.url)
    assert again.returncode == 0, again.stderr
    assert not [path for method, path in hub.asked if method == "GET" and "resolve" in path]
    medx("pull", "biomedclip", "--force", endpoint=hub.url)
    assert [path for method, path in hub.asked if method == "GET" and "resolve" in path]


def test_a_folder_can_be_carried_away_and_checked_there(hub, medx, cli, tmp_path):
    pulled = medx("pull", "biomedclip", "--to", tmp_path / "out", endpoint=hub.url)
    assert pulled.returncode == 0, pulled.stderr
    there = shutil.copytree(tmp_path / "out", tmp_path / "air-gapped")
    shutil.rmtree(there / ".cache")  # the manifest alone must do
    manifest = json.loads((there / "medx-model.json").read_text())
    assert manifest["revision"] == BIOMEDCLIP.revision
    weights = hashlib.sha256(FILES["open_clip_model.safetensors"]).hexdigest()
    assert weights in {file["sha256"] for file in manifest["files"]}
    assert cli("models", "verify", there).exit_code == 0
    broken = bytearray(FILES["open_clip_model.safetensors"])
    broken[7] ^= 1
    (there / "open_clip_model.safetensors").write_bytes(broken)
    (there / "tokenizer.json").unlink()
    found = cli("models", "verify", there)
    assert found.exit_code == 1
    assert "open_clip_model.safetensors is changed" in found.stderr
    assert "tokenizer.json is missing" in found.stderr
    assert "--force" in found.stderr


def test_offline_a_folder_is_filled_from_the_cache(hub, medx, cli, tmp_path):
    medx("pull", "biomedclip", endpoint=hub.url)
    copied = medx("pull", "biomedclip", "--to", tmp_path / "usb", "--offline", "--json")
    assert copied.returncode == 0, copied.stderr
    assert json.loads(copied.stdout)["manifest"]["revision"] == BIOMEDCLIP.revision
    assert "taking biomedclip from the hub cache" in copied.stderr
    assert not (tmp_path / "usb" / "open_clip_model.safetensors").is_symlink()
    assert cli("models", "verify", tmp_path / "usb").exit_code == 0


def test_what_the_network_damaged_is_refused(hub, medx):
    hub.broken = "open_clip_model.safetensors"
    pulled = medx("pull", "biomedclip", endpoint=hub.url)
    assert pulled.returncode == 1
    assert "was damaged on the way: the hub says SHA-256" in pulled.stderr
    assert "--force" in pulled.stderr


def test_a_gated_model_says_how_to_get_in(medx):
    with serve_hub(MEDSIGLIP.repository, MEDSIGLIP.revision, {}, gated=True) as hub:
        pulled = medx("pull", "medsiglip", endpoint=hub.url)
    assert pulled.returncode == 1
    assert "google/medsiglip-448 is gated: its terms are not accepted" in pulled.stderr
    for step in ("1. sign in and accept the terms at https://huggingface.co/google/medsiglip-448",
                 "hf auth login", "medx models pull medsiglip --to DIR"):  # fmt: skip
        assert step in pulled.stderr


def test_no_network_is_told_at_once(medx):
    pulled = medx("pull", "biomedclip")
    assert pulled.returncode == 1
    assert "could not be downloaded" in pulled.stderr
    assert "Retrying" not in pulled.stderr
    assert "--to DIR" in pulled.stderr


def test_offline_without_weights_says_what_to_do(cli):
    for command in ("pull", "path", "verify"):
        said = cli("models", command, "biomedclip")
        assert said.exit_code == 1
        assert "not on this machine" in said.stderr
        assert "medx models pull biomedclip --to DIR" in said.stderr


def test_unknown_names_are_answered_with_near_ones(cli):
    assert "did you mean 'biomedclip'" in cli("models", "pull", "biomedclap").stderr
    assert "did you mean 'resnet18'" in cli("models", "path", "timm:resnet_18").stderr


def test_a_folder_of_something_else_is_not_overwritten(cli, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"x")
    said = cli("models", "pull", "biomedclip", "--to", tmp_path / "photos")
    assert "holds something else (a.png)" in said.stderr
    assert (
        "says nothing of what it should hold" in cli("models", "verify", tmp_path / "photos").stderr
    )
    (tmp_path / "photos" / "medx-model.json").write_text("{")
    assert "is damaged" in cli("models", "verify", tmp_path / "photos").stderr


def test_verifying_a_folder_that_is_not_there(cli, tmp_path):
    result = cli("models", "verify", tmp_path / "usb")
    assert result.exit_code == 1
    assert f"no such folder: {tmp_path / 'usb'}" in result.stderr
