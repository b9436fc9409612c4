"""What commands on reports print for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medx.core.console import print_line, print_table
from medx.core.words import many

if TYPE_CHECKING:
    from reportgen.report_set import Failure, Refused, ReportSet, Skipped

#: Longer tables are read on the page.
MOST_ROWS = 50


def print_reports(result: ReportSet) -> None:
    """Print a run of reports: a line each, what went wrong, and where to read them."""
    if result.is_mock:
        print_line("MOCK REPORTS: written from the evidence alone; nothing looked at the images.")
    if result.synthetic:
        print_line("SYNTHETIC IMAGES: a program drew them; they show no patient.")
    print_table(
        (
            (
                row.image_id,
                row.strategy,
                row.impression or "none",
                row.contradictions,
                row.unsupported,
                row.warnings,
            )
            for row in result.reports[:MOST_ROWS]
        ),
        columns=("image", "strategy", "impression", "contradicted", "unsupported", "warnings"),
    )
    if len(result.reports) > MOST_ROWS:
        print_line(f"and {len(result.reports) - MOST_ROWS} more on the page")
    _print_problems("refused", result.refused)
    _print_problems("failed", result.failures)
    _print_problems("unreadable", result.skipped)
    pages = f" and {many(result.pages - 1, 'page')} more" if result.pages > 1 else ""
    print_line(
        f"{result.counted} by {result.engine}, {result.resumed} from before: "
        f"{result.contradicting} with a contradicted claim, {result.unsupported} with an "
        f"unsupported one, {result.warned} with a warning; {len(result.refused)} refused, "
        f"{len(result.failures)} failed, "
        f"{len(result.skipped)} unreadable"
    )
    print_line(f"{result.page}{pages}")
    print_line(result.disclaimer)


def _print_problems(title: str, rows: Sequence[Failure | Refused | Skipped]) -> None:
    if not rows:
        return
    first = rows[0]
    more = f" (and {len(rows) - 1} more: metrics.json)" if len(rows) > 1 else ""
    print_line(f"{title}: {first.image_id}: {first.reason}{more}")
