"""`python -m commands` is `hopbook`."""

from commands.main import main

main()
