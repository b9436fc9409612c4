"""Finding the image that an annotation names, never outside the image root."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from medx.datasets.importers.base import path_below, why_unportable
from medx.datasets.importers.folder import image_paths


class ImageFinder:
    """Looks an image up by the path a file gives, else by its name below ``root``.

    Where both name folders, those must agree: ``well/1.png`` is not ``ill/1.png``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, named: str, *, beside: str = "") -> str:
        """Return the relative path of the image that ``named`` stands for.

        Args:
            named: A path or name, perhaps of another machine or without its extension.
            beside: Folder of the annotation below the root, looked into first.

        Raises:
            LookupError: When there is none, or more than one; the message is the reason.
        """
        for candidate in (f"{beside}/{named}" if beside else named, named):
            below = path_below(candidate, self.root)
            if below is not None and self._is_file(below):
                return self._checked(below)
        name = PurePosixPath(named.replace("\\", "/")).name
        found = self._by_name.get(name) or self._by_stem.get(PurePosixPath(name).stem)
        if not found or not name:
            raise LookupError("no such image")
        agreeing = self._agreeing(named, found)
        if not agreeing:
            raise LookupError("no such image in this folder, only in another")
        if len(agreeing) > 1:
            raise LookupError(f"{len(agreeing)} images have this name")
        return self._checked(agreeing[0])

    def _agreeing(self, named: str, found: list[str]) -> list[str]:
        """Return the images whose folders agree furthest with those of ``named``."""
        wanted = _folders_upward(named)
        depths = {}
        for path in found:
            below = _folders_upward(path)
            above = _folders_upward(f"{self._absolute_root}/{path}")
            if wanted[: len(below)] == below or above[: len(wanted)] == wanted:
                depths[path] = min(len(below), len(wanted))
        if not depths and _leads_elsewhere(named) and wanted[0] not in self._folder_names:
            return found  # drawn on another machine, whose folders say nothing of these
        return [path for path, depth in depths.items() if depth == max(depths.values())]

    def _is_file(self, below: str) -> bool:
        try:
            return (self.root / below).is_file()
        except (OSError, ValueError):  # longer than a file system allows, or not encodable
            return False

    def _checked(self, path: str) -> str:
        if reason := why_unportable(path):
            raise LookupError(reason)
        return path

    @cached_property
    def _absolute_root(self) -> str:
        return self.root.resolve().as_posix()

    @cached_property
    def _folder_names(self) -> frozenset[str]:
        paths = (path for found in self._by_name.values() for path in found)
        return frozenset(name for path in paths for name in _folders_upward(path))

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for path in image_paths(self.root):
            found[PurePosixPath(path).name].append(path)
        return dict(found)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for name, paths in self._by_name.items():
            found[PurePosixPath(name).stem].extend(paths)
        return dict(found)


def _leads_elsewhere(path: str) -> bool:
    windows = PureWindowsPath(path)  # knows both kinds of slash
    return bool(windows.anchor) or ".." in windows.parts


def _folders_upward(path: str) -> list[str]:
    """Return the names of the folders above a file, the nearest first; spelled in small letters."""
    parts = PurePosixPath(path.replace("\\", "/")).parts[:-1]
    return [part.casefold() for part in reversed(parts) if part not in ("/", "//")]
