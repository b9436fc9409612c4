"""Advice that can be typed: its commands name the dataset that was audited."""

from __future__ import annotations

import re
import shlex

from medx.core.files import safe_name
from medx.datasets.audit.result import Audit
from medx.datasets.catalog import is_built_in


def name_dataset(audit: Audit, name: str) -> Audit:
    """Return an audit whose advice says ``name`` where the checks can only say ``DATASET``.

    A built-in dataset is split into a folder of its own, one's own folder in its place.

    Args:
        audit: What the checks found.
        name: What ``load_dataset`` took.
    """
    target = f"--output {safe_name(name)}-split" if is_built_in(name) else "--force"
    named = f"{shlex.quote(name)} {target}"
    findings = [
        finding.model_copy(
            update={"advice": re.sub(r"\bDATASET( --force)?", lambda _: named, finding.advice)}
        )
        for finding in audit.findings
    ]
    return audit.model_copy(update={"findings": findings})
