"""``python -m simpleflow`` is the command ``simpleflow``."""

from .cli.main import main

main()
