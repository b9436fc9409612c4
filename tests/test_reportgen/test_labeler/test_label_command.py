"""``medx report label``."""

from __future__ import annotations

import io
import json

import pytest

TEXT = "FINDINGS: Small left effusion, unchanged. No pneumothorax.\n"


def test_a_file_becomes_a_table(cli, tmp_path):
    path = tmp_path / "report.txt"
    path.write_text(TEXT)
    result = cli("report", "label", str(path))
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "Pleural Effusion" in line)
    assert row.split()[2:5] == ["present", "left", "–"]
    assert "not for clinical use" in result.stdout


def test_json_holds_spans(cli, tmp_path):
    path = tmp_path / "report.txt"
    path.write_text(TEXT)
    (report,) = json.loads(cli("report", "label", str(path), "--json").stdout)["reports"]
    mention = report["mentions"][0]
    assert TEXT[mention["start"] : mention["end"]] == "effusion"
    assert mention["changes"] == ["unchanged"]


def test_standard_input_is_read(cli, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(TEXT))
    result = cli("report", "label", "-", "--json")
    assert json.loads(result.stdout)["reports"][0]["source"] == "-"


def test_a_folder_is_read_and_what_cannot_be_is_listed(cli, tmp_path):
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "b.json").write_text(json.dumps({"text": "Cardiomegaly."}))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xfa")
    result = cli("report", "label", str(tmp_path), "--json")
    labels = json.loads(result.stdout)
    assert [report["source"] for report in labels["reports"]] == ["a.txt", "b.json"]
    assert [skipped["path"] for skipped in labels["skipped"]] == ["bad.txt", "config.json"]
    assert "skipped 2 files" in result.stderr


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_nothing_to_read_is_an_error(cli, tmp_path, name):
    result = cli("report", "label", str(tmp_path / name))
    assert result.exit_code == 1
    assert "error" in result.stderr.lower()
