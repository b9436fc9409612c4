"""Fetching a preset's archives: checked, unpacked inside their folder, whole or not at all."""

from __future__ import annotations

import shutil
import stat
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from medx.core import settings
from medx.core.console import note, progress_bar, track
from medx.core.errors import DataUnavailableError, InputError
from medx.core.files import atomic_dir, sha256_file
from medx.datasets.importers.base import path_below
from medx.datasets.presets import Archive, Preset

#: More than any preset holds; an archive beyond it would fill the disk.
MAX_UNPACKED = 20 << 30


def fetch_archives(preset: Preset, folder: Path) -> Path:
    """Download and unpack a preset into ``folder``; an interrupt leaves nothing behind.

    Raises:
        DataUnavailableError: When the network is forbidden, fails, or the file arrives damaged.
        InputError: When an archive reaches outside its folder or is a bomb.
    """
    if settings.offline():
        raise DataUnavailableError(
            f"{preset.name} is not on this machine and {settings.OFFLINE_MODE} forbids fetching it",
            hint=f"{preset.how_to_get} Put it into {folder}",
        )
    note(f"fetching {preset.name} ({preset.licence}); please cite: {preset.citation}")
    with atomic_dir(folder) as temporary:
        for archive in preset.archives:
            packed = temporary / ".download"
            _fetch(archive, packed, preset)
            unpack(packed, temporary)
            packed.unlink()
    return folder


def unpack(path: Path, folder: Path) -> None:
    """Unpack a ZIP into ``folder``.

    Raises:
        InputError: When it is damaged, a member leaves ``folder``, or it is a bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if sum(member.file_size for member in members) > MAX_UNPACKED:
                raise InputError(f"{path} unpacks to more than {MAX_UNPACKED >> 30} GB")
            for member in track(members, "unpacking"):
                _unpack_member(archive, member, folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"{path} is not a readable ZIP file: {error}") from error


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    below = path_below(member.filename, folder)
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    if below is None or is_link or PurePosixPath(member.filename).is_absolute():
        raise InputError(
            f"the archive has a member that leaves its folder: {member.filename}",
            hint="do not use this file",
        )
    target = folder / below
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)


def _fetch(archive: Archive, path: Path, preset: Preset) -> None:
    name = PurePosixPath(urlsplit(archive.url).path).name
    try:
        with urllib.request.urlopen(archive.url, timeout=30) as response, path.open("wb") as stream:
            total = int(response.headers.get("Content-Length") or 0) or None
            with progress_bar(f"downloading {name}", total) as progress:
                while block := response.read(1 << 18):
                    stream.write(block)
                    progress.advance(progress.task_ids[0], len(block))
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise DataUnavailableError(
            f"{preset.name} could not be downloaded ({error})", hint=preset.how_to_get
        ) from error
    digest = sha256_file(path)
    if not archive.sha256:
        note(f"{name}: SHA-256 {digest} (its publisher gives none to compare with)")
    elif digest != archive.sha256:
        raise DataUnavailableError(
            f"{name} arrived damaged: its SHA-256 is {digest}", hint="try again"
        )
