"""Finding the image that an annotation names, never outside the image root."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath

from medx.datasets.importers.base import path_below, why_unportable
from medx.datasets.importers.folder import image_paths


class ImageFinder:
    """Looks an image up by the path a file gives, else by its name below ``root``."""

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
        if len(found) > 1:
            raise LookupError(f"{len(found)} images have this name")
        return self._checked(found[0])

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
