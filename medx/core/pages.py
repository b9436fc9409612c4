"""HTML and Markdown from the templates in ``medx/pages``."""

from __future__ import annotations

import base64
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page_environment(*, autoescape: bool = True) -> Environment:
    """Return the templates; a variable that is not given is an error.

    Args:
        autoescape: Make values safe in HTML; off for other kinds of text.
    """
    return Environment(
        loader=PackageLoader("medx", "pages"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(template: str, /, **values: Any) -> str:
    """Return the HTML of a template."""
    return page_environment().get_template(template).render(**values)


def data_uri(picture: bytes, kind: str = "png") -> str:
    """Return an encoded picture as a ``data:`` address, so that a page needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
