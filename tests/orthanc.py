"""A real Orthanc for tests, in a network of its own because it listens on every interface.

``beside_orthanc`` starts this file again inside ``unshare -n``; there it brings the loopback up,
starts Orthanc, stores DICOM files by STOW-RS and runs ``medx`` commands against it. ``GET`` and a
path below ``/dicom-web`` asks the server itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PORT = 8042
URL = f"http://127.0.0.1:{PORT}/dicom-web"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
UNSHARE = ("unshare", "-n") if os.geteuid() == 0 else ("unshare", "-rn")


def why_not() -> str | None:
    """Return why no Orthanc can be started here, or None."""
    if not shutil.which("Orthanc") or not PLUGIN.is_file():
        return "Orthanc is not installed: apt-get install orthanc orthanc-dicomweb"
    if not shutil.which("unshare") or not shutil.which("ip"):
        return "unshare and ip are needed to keep Orthanc off the network"
    if subprocess.run([*UNSHARE, "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        return "this machine allows no network namespace"
    return None


def beside_orthanc(folder: Path, stored: Path, commands: list[list[str]]) -> list[dict]:
    """Store the files of ``stored`` in an Orthanc, run ``medx`` commands, return what they said.

    Args:
        folder: Where Orthanc keeps its database.
        stored: Folder of DICOM files.
        commands: Arguments of each command; ``URL`` stands for the server's address. Or ``GET``
            and a path, for what DICOMweb answers in JSON.
    """
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and "OFFLINE" not in k}
    env["PATH"] += ":/usr/sbin"
    ran = subprocess.run(
        [*UNSHARE, sys.executable, __file__, str(folder), str(stored), json.dumps(commands)],
        env=env, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def _serve(folder: Path) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": PORT,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    log = (folder / "orthanc.log").open("w")
    server = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
    )
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/system", timeout=5).close()
            return server
        except OSError:
            assert server.poll() is None, (folder / "orthanc.log").read_text()
            time.sleep(0.1)
    server.kill()
    raise AssertionError("Orthanc did not start")


def _store(files: list[Path]) -> None:
    import pydicom
    from dicomweb_client import DICOMwebClient

    DICOMwebClient(URL).store_instances([pydicom.dcmread(path) for path in files])


def _run(args: list[str]) -> dict:
    if args[0] == "GET":
        with urllib.request.urlopen(URL + args[1], timeout=30) as answer:
            return {"exit_code": 0, "stdout": answer.read().decode(), "stderr": ""}
    ran = subprocess.run(
        [sys.executable, "-m", "medx.cli", *(URL if a == "URL" else a for a in args)],
        capture_output=True,
        text=True,
    )
    return {"exit_code": ran.returncode, "stdout": ran.stdout, "stderr": ran.stderr}


def main(folder: str, stored: str, commands: str) -> None:
    """Run inside the namespace; print what the commands said as JSON."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = _serve(Path(folder))
    try:
        _store(sorted(path for path in Path(stored).rglob("*") if path.is_file()))
        results = [_run(args) for args in json.loads(commands)]
    finally:
        server.terminate()
        server.wait(30)
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
