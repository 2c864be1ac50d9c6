"""Starts the service: `python server.py --help` tells what can be set."""

import sys

from tornado_archiver.server.main import main
from tornado_archiver.server.utf8_mode import ensure_utf8_mode

if __name__ == "__main__":
    ensure_utf8_mode()
    sys.exit(main(sys.argv[1:]))
