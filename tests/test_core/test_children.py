import os
import signal
import subprocess
import sys

SCRIPT = """
from medx.datasets.phantoms.cxr import PhantomConfig, generate_phantoms
for number, _ in enumerate(generate_phantoms(PhantomConfig(count=100000, size=16), workers=2)):
    if number == 16:
        print("both children serve", flush=True)
"""


def test_ctrl_c_is_told_once_not_by_every_child():
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert "serve" in process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1
