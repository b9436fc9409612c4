import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = ROOT / "compose.yaml"


def tool(name):
    """Return a linter of the test extra; its wheels are for Linux."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed: Linux only, Docker Compose from Python 3.11 on")
    return found


def compose(*words, path=COMPOSE, **variables):
    command = [tool("docker-compose"), "-f", path, "--profile", "*", *words]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MEDX_")}
    return subprocess.run(command, env=kept | variables, capture_output=True, text=True)


@pytest.fixture
def services():
    result = compose("config", "--format", "json", MEDX_SERVE_TOKEN="secret")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["services"]


def test_the_dockerfile_has_nothing_that_hadolint_minds(tmp_path):
    result = subprocess.run([tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")
    worse = tmp_path / "Dockerfile"
    worse.write_text(re.sub(r"uv==[\d.]+", "uv", DOCKERFILE))
    assert (
        "DL3013" in subprocess.run([tool("hadolint"), worse], capture_output=True, text=True).stdout
    )


def test_compose_takes_the_file_and_would_not_take_a_wrong_one(services, tmp_path):
    assert set(services) == {"medx", "milvus", "vllm", "orthanc"}
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("read_only:", "read_onyl:"))
    assert compose("config", path=wrong, MEDX_SERVE_TOKEN="secret").returncode != 0


def test_medx_starts_with_a_token_only(services):
    refused = compose("config")
    assert refused.returncode != 0
    assert "MEDX_SERVE_TOKEN" in refused.stderr
    assert services["medx"]["environment"]["MEDX_SERVE_TOKEN"] == "secret"


def test_medx_can_do_little_and_nothing_is_open_to_others(services):
    medx = services["medx"]
    assert medx["read_only"]
    assert medx["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in medx["security_opt"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, re.M)
    assert {s["profiles"][0] for n, s in services.items() if n != "medx"} == set(services) - {
        "medx"
    }


def test_every_place_medx_writes_to_is_a_volume(services):
    writable = {v["target"] for v in services["medx"]["volumes"] if not v.get("read_only")}
    declared = set(json.loads(re.search(r"^VOLUME (\[.*?\])$", unfolded(), re.M)[1]))
    assert writable == declared
    named = dict(re.findall(r"(\w+)=(/var/lib/medx/\S+)", unfolded()))
    assert {"MEDX_CACHE_DIR", "MEDX_INDEX_DIR", "MEDX_OUTPUT_DIR", "XDG_CONFIG_HOME"} <= set(named)
    assert all(any(path.startswith(volume) for volume in declared) for path in named.values())
    made = set(re.findall(r"state/(\w+)", unfolded()))
    assert {Path(volume).name for volume in declared} == made


def test_docker_is_given_what_the_dockerfile_copies_and_no_more():
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {rule[1:].removesuffix("/**") for rule in rules if rule.startswith("!")}
    assert rules[1] == "*"
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", unfolded(), re.M)
    assert {name for line in copied for name in line.split()} == allowed


def test_ci_runs_the_steps_of_the_dockerfile():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert any(line.startswith("make rehearse ") for line in lines)
    assert 'if ! wait "$rehearsal"; then' in lines
    assert "docker/rehearse.py" in (ROOT / "Makefile").read_text()


def test_the_extras_exist_and_what_is_left_out_is_what_torch_asks_for():
    project = (ROOT / "pyproject.toml").read_text()
    extras = re.findall(r"--extra (\w+)", unfolded())
    assert "serve" in extras
    assert all(re.search(rf"^{extra} = \[", project, re.M) for extra in extras)
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.M))
    lines = (ROOT / "docker" / "left-out.txt").read_text().splitlines()
    left_out = [line.partition(" ;")[0] for line in lines if not line.startswith("#")]
    assert len(left_out) > 3
    assert set(left_out) <= pinned


def test_compose_has_the_milvus_that_tests_run_against():
    image = yaml.safe_load(COMPOSE.read_text())["services"]["milvus"]["image"]
    assert f"milvus=={image.partition(':v')[2]}" in (ROOT / ".ci" / "run").read_text()


def unfolded():
    """Return the Dockerfile with its continued lines joined."""
    return re.sub(r"\\\n\s*", "", DOCKERFILE)
