"""`python -m graphtools` is the `graphtools` command."""

import sys

from graphtools.cli import main

if __name__ == "__main__":
    sys.exit(main())
