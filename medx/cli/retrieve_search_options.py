"""Options of the three search commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        help="Only images of which this holds, such as \"label = 'pneumonia' and age >= 60\".",
    ),
]
EnsembleOption = Annotated[
    bool,
    typer.Option("--ensemble", help="Average several templates around the words; they are listed."),
]
MinSimilarityOption = Annotated[
    float | None,
    typer.Option("--min-similarity", min=-1, max=1, help="Only hits at least so similar (cosine)."),
]
DedupOption = Annotated[
    bool,
    typer.Option(
        "--dedup", help="Leave out hits with the very pixels of the query or a better hit."
    ),
]
DedupAboveOption = Annotated[
    float | None,
    typer.Option(
        "--dedup-above",
        min=-1,
        max=1,
        help="Leave out near-duplicates, too: hits at least so similar to one of those (cosine).",
    ),
]
DiversityOption = Annotated[
    float,
    typer.Option(
        "--diversity",
        min=0,
        max=1,
        help="How unlike each other the hits shall be (maximal marginal relevance).",
    ),
]
VoteOption = Annotated[
    bool, typer.Option("--vote", help="Say which label the hits speak for, by weighted vote.")
]
VoteCheckOption = Annotated[
    bool,
    typer.Option("--vote-check", help="Measure on val how often such a vote is right."),
]
AllowUrlOption = Annotated[
    bool, typer.Option("--allow-url", help="Fetch query images from the web (64 MiB, 30 s).")
]
QueriesOption = Annotated[
    Path | None,
    typer.Option(
        "--queries",
        help="Answer every query of this .txt (one a line), .csv or .jsonl (column query, "
        "perhaps name).",
    ),
]
OutputFileOption = Annotated[
    Path | None,
    typer.Option(
        "--output", help="Where answers to --queries go: .jsonl or .csv. [default: stdout]"
    ),
]
ResumeQueriesOption = Annotated[
    bool, typer.Option("--resume", help="Go on with --queries where it was interrupted.")
]
PageOption = Annotated[
    Path | None, typer.Option("--page", help="Write the hits to this HTML file, pictures inside.")
]
HeatmapOption = Annotated[
    bool,
    typer.Option("--heatmap", help="Show on --page and --figure where in the hits the words fit."),
]
