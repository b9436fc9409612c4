"""The web edge: an API and a page over one warm workbench."""
