"""`python -m soban.cli` is `soban`."""

import sys

from soban.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
