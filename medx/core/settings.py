"""Where things are found and put, from environment variables with sensible defaults.

``MEDX_DATA_DIR``    datasets the user keeps (searched, never written)
``MEDX_CACHE_DIR``   downloads and generated data (default ``$XDG_CACHE_HOME/medx``)
``MEDX_OUTPUT_DIR``  runs, figures and reports (default ``outputs``)
``MEDX_INDEX_DIR``   built indexes (default ``indexes``)
``MEDX_CACHE_LIMIT`` most GiB of decoded pixels to keep in the cache (default 20; 0 keeps none)
``MEDX_OFFLINE``     ``1`` never touches the network
``MEDX_PSEUDONYM_KEY``   secret behind patient pseudonyms (default: a file in the user's
                         configuration folder, ``$XDG_CONFIG_HOME/medx``)
``MEDX_OPENAI_BASE_URL`` server that ``--engine openai`` asks, such as ``http://127.0.0.1:8000/v1``
``MEDX_OPENAI_API_KEY``  its key; else ``OPENAI_API_KEY``
``MEDX_DICOMWEB_TOKEN``  bearer token for ``medx data import --dicomweb``
"""

from __future__ import annotations

import os
from pathlib import Path

from medx.core.errors import InputError

DISCLAIMER = "Research use only, not for clinical use."
#: Offline mode and the way out of it, in words, by all that sets it.
OFFLINE_MODE = "offline mode (--offline, MEDX_OFFLINE or HF_HUB_OFFLINE)"
LEAVE_OFFLINE = "leave out --offline (and MEDX_OFFLINE, HF_HUB_OFFLINE)"


def data_dir() -> Path | None:
    """Return the user's data folder, or None when none is set."""
    value = os.environ.get("MEDX_DATA_DIR")
    return Path(value) if value else None


def cache_dir() -> Path:
    """Return the folder for downloads and generated data.

    Raises:
        InputError: When no variable names one and the user has no home.
    """
    if value := os.environ.get("MEDX_CACHE_DIR"):
        return Path(value)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "medx"
    try:
        return Path.home() / ".cache" / "medx"
    except RuntimeError as error:
        raise InputError("no home folder to cache in", hint="set MEDX_CACHE_DIR") from error


def config_dir() -> Path:
    """Return the user's own folder for what must outlive the cache.

    Raises:
        InputError: When the user has no home.
    """
    if base := os.environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "medx"
    try:
        return Path.home() / ".config" / "medx"
    except RuntimeError as error:
        raise InputError("no home folder to configure in", hint="set XDG_CONFIG_HOME") from error


def cache_limit() -> int:
    """Return how many bytes of decoded pixels the cache may hold.

    Raises:
        InputError: When the variable is no number of GiB.
    """
    value = os.environ.get("MEDX_CACHE_LIMIT", "20")
    try:
        return max(0, int(float(value) * (1 << 30)))
    except (ValueError, OverflowError) as error:
        raise InputError(f"MEDX_CACHE_LIMIT must be a number of GiB, got {value!r}") from error


def output_dir() -> Path:
    """Return the folder that holds run folders."""
    return Path(os.environ.get("MEDX_OUTPUT_DIR", "outputs"))


def index_dir() -> Path:
    """Return the folder that holds built indexes."""
    return Path(os.environ.get("MEDX_INDEX_DIR", "indexes"))


def offline() -> bool:
    """Return True when the network must not be touched; any word but a clear no forbids it."""
    said = (os.environ.get(name, "") for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"))
    return any(word.strip().lower() not in ("", "0", "no", "off", "false") for word in said)


def set_offline() -> None:
    """Forbid the network to medx and to the Hugging Face libraries; call before importing them."""
    os.environ["MEDX_OFFLINE"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
