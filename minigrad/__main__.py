"""``python -m minigrad``: the command line."""

import sys

from minigrad.command_line import main

if __name__ == "__main__":
    sys.exit(main())
