"""Cases of the last minutes, in memory alone, for their page and exports."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

from medx.case.study import Study
from medx.core.errors import UnknownNameError

#: Cases kept, the bytes of their pictures, and for how many seconds.
MOST, MOST_BYTES, SECONDS = 32, 1 << 29, 900.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """A case, and which of how many images of its file it is about."""

    study: Study
    frame: int = 0
    frames: int = 1


class KeptCases:
    """Hands a case out to whoever has its id, which cannot be guessed."""

    def __init__(self) -> None:
        self._cases: OrderedDict[str, tuple[float, Kept]] = OrderedDict()

    def keep(self, case: Kept) -> str:
        """Keep a case for a while; return its id. Needs a running event loop."""
        case_id = secrets.token_urlsafe(16)
        self._cases[case_id] = (time.monotonic(), case)
        while len(self._cases) > 1 and (len(self._cases) > MOST or self._bytes() > MOST_BYTES):
            self._cases.popitem(last=False)
        asyncio.get_running_loop().call_later(SECONDS + 1, self._drop_old)
        return case_id

    def get(self, case_id: str) -> Kept:
        """Return a case.

        Raises:
            UnknownNameError: When it is unknown, or was dropped.
        """
        self._drop_old()
        if case_id not in self._cases:
            error = UnknownNameError("case", case_id, [])
            error.hint = "cases are dropped after a quarter of an hour: send the image again"
            raise error
        return self._cases[case_id][1]

    def _drop_old(self) -> None:
        oldest = time.monotonic() - SECONDS
        while self._cases and next(iter(self._cases.values()))[0] < oldest:
            self._cases.popitem(last=False)

    def _bytes(self) -> int:
        return sum(
            picture.nbytes
            for _, case in self._cases.values()
            for picture in (case.study.pixels, *case.study.pictures.values())
        )
