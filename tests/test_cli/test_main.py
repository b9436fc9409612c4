import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LONGEST = "x" * 250  # a name that is allowed; with anything added it is not


def test_errors_of_the_system_name_the_path_as_it_was_given(cli):
    result = cli("data", "synth", "phantom-cxr", "--count", 1, "--output", LONGEST)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-2] == f"error: {LONGEST}: {os.strerror(errno.ENAMETOOLONG)}"
    assert "free space" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("output", ["afile", "afile/deeper/down"])
@pytest.mark.parametrize("command", [("classify", "train"), ("retrieve", "evaluate")])
def test_a_file_in_the_way_of_a_folder_is_named(cli, two_class, command, output):
    Path("afile").write_text("mine")
    result = cli(*command, "--dataset", two_class, "--output", output)
    assert result.exit_code == 1
    assert "error: afile: is a file, not a folder" in result.stderr
    assert Path("afile").read_text() == "mine"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("data", "show", "phantom-cxr", "--by", "nope"), "'--by': 'nope' is not one of 'label'"),
        (("classify", "train", "--device", "tpu"), "'--device': 'tpu' is not one of 'auto'"),
    ],
)
def test_a_wrong_choice_is_told_with_the_right_ones(cli, args, said):
    result = cli(*args)
    assert result.exit_code == 2
    assert f"Error: Invalid value for {said}" in result.stderr


SLOW_START = """
import builtins, os, signal
load = builtins.__import__
def slow(name, *rest, **more):
    if name == "typer":
        os.kill(os.getpid(), signal.SIGINT)
    return load(name, *rest, **more)
builtins.__import__ = slow
"""


@pytest.mark.parametrize(
    "start",
    [
        "from medx.cli import main; main()",
        "import runpy; runpy.run_module('medx.cli', None, '__main__')",
    ],
)
def test_ctrl_c_while_starting_is_no_traceback(start):
    done = subprocess.run(
        [sys.executable, "-c", SLOW_START + start], capture_output=True, text=True
    )
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == ""
