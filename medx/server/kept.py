"""Cases of the last minutes, in memory alone, for their page and exports."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict

from medx.case.study import Study
from medx.core.errors import UnknownNameError

#: Cases kept, and for how many seconds.
MOST, SECONDS = 32, 900.0


class KeptCases:
    """Hands a case out to whoever has its id, which cannot be guessed."""

    def __init__(self) -> None:
        self._cases: OrderedDict[str, tuple[float, Study]] = OrderedDict()

    def keep(self, study: Study) -> str:
        """Keep a case for a while; return its id."""
        self._drop_old()
        case_id = secrets.token_urlsafe(16)
        self._cases[case_id] = (time.monotonic(), study)
        if len(self._cases) > MOST:
            self._cases.popitem(last=False)
        return case_id

    def get(self, case_id: str) -> Study:
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
