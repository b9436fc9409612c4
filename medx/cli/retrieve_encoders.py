"""``medx retrieve encoders``: what ``--encoder`` takes."""

from __future__ import annotations

from medx.cli.options import JsonOption

WORDS = {True: "yes", False: "no", None: "depends"}


def encoders(json: JsonOption = False) -> None:
    """List the encoders and whether they take words.

    What each is, its weights and their licence as well.
    """
    from medx.core.console import print_json, print_table
    from retrieval.encoders.listing import list_encoders

    listing = list_encoders()
    if json:
        print_json(listing)
        return
    print_table(
        (
            (e.name, e.summary, WORDS[e.text], WORDS[e.patches], WORDS[e.at_hand], e.licence)
            for e in listing.encoders
        ),
        columns=("encoder", "what", "text", "places", "weights at hand", "licence"),
    )
