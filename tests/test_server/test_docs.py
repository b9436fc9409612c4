"""The commands of the documentation run as they stand."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "serve.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_examples_of_the_api_run(port, film):
    (block,) = re.findall(r"```sh\n(SERVER=.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    script = block.replace("127.0.0.1:8765", f"127.0.0.1:{port}")
    assert film == Path("film.png").resolve()
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout[-500:]
    assert '"label":"' in ran.stdout
    assert '{"step":"report"}' in ran.stdout
    assert "medx_requests_total" in ran.stdout
    assert Path("neighbour.png").read_bytes().startswith(b"\x89PNG")
    assert "Research use only" in Path("case.html").read_text(encoding="utf-8")
