"""Run the command as ``python -m medx.cli``."""

from medx.cli import main

main()
