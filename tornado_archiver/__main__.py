"""`python -m tornado_archiver --help` tells what there is."""

import sys

from tornado_archiver.link_command import main
from tornado_archiver.utf8_mode import ensure_utf8_mode

if __name__ == "__main__":
    ensure_utf8_mode()
    sys.exit(main(sys.argv[1:]))
