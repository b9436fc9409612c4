"""The Hugging Face hub: what its cache holds, asked without the network, and fetching from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from medx.core import settings
from medx.core.console import note
from medx.core.errors import WeightsUnavailableError

PROBE_SECONDS = 5.0


def hub_cache() -> Path:
    """Return the Hugging Face hub's cache folder, as its own library resolves it."""
    if value := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(value).expanduser()
    if value := os.environ.get("HF_HOME"):
        return Path(value).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "huggingface" / "hub"


def cached_snapshots(repository: str, revision: str = "main") -> list[Path]:
    """Return the folders of a repository in the hub cache: of ``revision``, then of its ``main``.

    Args:
        repository: ``owner/name``.
        revision: A commit, or ``main``.
    """
    folder = hub_cache() / f"models--{repository.replace('/', '--')}"
    commits = [] if revision == "main" else [revision]
    with suppress(OSError, UnicodeDecodeError):  # it was fetched by commit, or not at all
        commits.append((folder / "refs" / "main").read_text(encoding="utf-8").strip())
    snapshots = [folder / "snapshots" / commit for commit in dict.fromkeys(commits) if commit]
    return [snapshot for snapshot in snapshots if snapshot.is_dir()]


def fetch_snapshot(
    repository: str,
    *,
    files: Sequence[str],
    hint: str,
    revision: str = "main",
    folder: Path | None = None,
    force: bool = False,
) -> Path:
    """Download files of a repository into the hub cache, or ``folder``; return where they are.

    An interrupted download goes on where it stopped.

    Args:
        repository: ``owner/name``.
        files: Patterns of their names.
        hint: What else the user can do when it fails.
        revision: A commit, or ``main``.
        folder: Where to; None is the cache.
        force: Download even what is there.

    Raises:
        WeightsUnavailableError: When it is gated, offline or not to be had.
    """
    check_hub(repository, hint=hint)
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError

    try:
        note(f"fetching {repository} at {revision[:12]} from {constants.ENDPOINT}")
        return Path(
            snapshot_download(
                repository,
                revision=revision,
                allow_patterns=list(files),
                local_dir=folder,
                force_download=force,
            )
        )
    except GatedRepoError as error:
        raise WeightsUnavailableError(
            f"{repository} is gated: its terms are not accepted by this account, or there is no "
            "token here",
            hint=hint,
        ) from error
    except Exception as error:  # the hub's own, httpx's or the system's, by its version
        raise _not_downloaded(repository, error, hint) from error


def check_hub(repository: str, *, hint: str) -> None:
    """Ask the hub one short question: its client retries for minutes before it gives up.

    Args:
        repository: What is to be fetched.
        hint: What else the user can do when it fails.

    Raises:
        WeightsUnavailableError: When the network is forbidden or the hub does not answer.
    """
    if settings.offline():
        raise WeightsUnavailableError(
            f"{repository} is not on this machine and {settings.OFFLINE_MODE} forbids fetching it",
            hint=hint,
        )
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=PROBE_SECONDS)
    except Exception as error:
        raise _not_downloaded(repository, error, hint) from error


def _not_downloaded(repository: str, error: Exception, hint: str) -> WeightsUnavailableError:
    from huggingface_hub import constants

    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return WeightsUnavailableError(
        f"{repository} could not be downloaded from {constants.ENDPOINT}: {reason}", hint=hint
    )
