"""Starts the service from the checkout: `python server.py --help` lists the settings."""

import sys

from tornado_archiver.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
