"""The command line: `serve`, which is the default, `sign-link` and `healthcheck`."""

import sys
from collections.abc import Callable, Sequence

from tornado_archiver.server.utf8_mode import ensure_utf8_mode


def main() -> int:
    """Run the command that the first argument names; return the exit status."""
    ensure_utf8_mode()
    argv = sys.argv[1:]
    command = _COMMANDS.get(argv[0]) if argv else None
    return command(argv[1:]) if command else _serve(argv)


# Each imports its own module, because a health check every few seconds does not need the whole service.


def _serve(argv: Sequence[str]) -> int:
    from tornado_archiver.server.main import main

    return main(argv)


def _sign_link(argv: Sequence[str]) -> int:
    from tornado_archiver.links.command import main

    return main(argv)


def _check_health(argv: Sequence[str]) -> int:
    from tornado_archiver.server.healthcheck import main

    return main(argv)


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "serve": _serve,
    "sign-link": _sign_link,
    "healthcheck": _check_health,
}


if __name__ == "__main__":
    sys.exit(main())
