"""Showing a place in what a user typed."""

from __future__ import annotations

#: How much of the text stands before and after the place.
BEFORE, AFTER = 50, 30


def point_at(text: str, place: int, length: int = 1) -> str:
    """Return the text around a place on one line, and a line of carets below it."""
    first = max(0, place - BEFORE)
    shown = "".join(c if c.isprintable() else " " for c in text[first : place + AFTER])
    carets = "^" * max(1, min(length, len(shown) - (place - first)))
    return f"  {shown}\n  {' ' * (place - first)}{carets}"


def keep_pointing(message: str) -> str:
    """Return a message on one line, but for what ``point_at`` drew at its end."""
    *head, line, carets = ["", "", *message.splitlines()]
    if not carets.strip() or carets.strip("^ "):
        return " ".join(message.split())
    return "\n".join([" ".join(" ".join(head).split()), line, carets])
