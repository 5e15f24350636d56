"""`cstui`: a bare call opens the desk without loading the command line; everything else goes through it."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """The program. Returns the exit code of the command-line contract."""
    # Read by Textual when it is imported: a result reaches the screen in a quarter of the time.
    os.environ.setdefault("TEXTUAL_FPS", "240")
    if len(sys.argv) == 1:
        from cstui.start import open_desk

        return open_desk()
    from cstui.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
