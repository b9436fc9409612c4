"""``medx report``: draft reports that cite their evidence."""

from __future__ import annotations

import typer

from medx.cli import report_prompts
from medx.cli.report_compare import compare
from medx.cli.report_evaluate import evaluate
from medx.cli.report_export import export
from medx.cli.report_generate import generate
from medx.cli.report_label import label

app = typer.Typer(
    help="Write, measure, label and export draft reports; see prompts.",
    no_args_is_help=True,
)
for command in (generate, evaluate, compare, export, label):
    app.command()(command)
app.add_typer(report_prompts.app, name="prompts")
