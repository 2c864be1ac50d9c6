"""Starts the service: `python server.py --help` tells what can be set."""

import sys

from tornado_archiver.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
