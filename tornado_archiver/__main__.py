"""`python -m tornado_archiver --help` tells what there is."""

import sys

from tornado_archiver.link_command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
