"""`python -m tornado_archiver --help` tells what there is."""

import sys

from tornado_archiver.links.command import main
from tornado_archiver.server.utf8_mode import ensure_utf8_mode

if __name__ == "__main__":
    ensure_utf8_mode()
    sys.exit(main(sys.argv[1:]))
