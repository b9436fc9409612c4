"""A model card as Markdown and as HTML, from the same sections."""

from __future__ import annotations

from typing import Any

from classify.card.sections import write_sections
from classify.card.write import ModelCard
from medx.core.pages import page_environment


def render_markdown(card: ModelCard) -> str:
    """Return the card as GitHub-flavoured Markdown."""
    return _render("model_card.md.j2", card, autoescape=False)


def render_html(card: ModelCard) -> str:
    """Return the card as one HTML page without scripts or other files."""
    return _render("model_card.html.j2", card, autoescape=True)


def _render(template: str, card: ModelCard, *, autoescape: bool) -> str:
    environment = page_environment(autoescape=autoescape)
    environment.keep_trailing_newline = True
    environment.filters["cell"] = _markdown_cell
    return environment.get_template(template).render(card=card, sections=write_sections(card))


def _markdown_cell(value: Any) -> str:
    """Return a value that stays in its cell and is read neither as HTML nor as a link."""
    text = str(value).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    text = text.replace("](", "]\\(")
    return " ".join(text.split())
