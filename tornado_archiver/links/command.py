"""`tornado-archiver sign-link`: makes an expiring link, with the keys that the service is given."""

import argparse
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

from tornado_archiver.errors import ArchiverError, SettingsError
from tornado_archiver.links.keys import load_link_keys
from tornado_archiver.links.path import parse_hash
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.runtime.program import program_name
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import Settings
from tornado_archiver.settings.types import DAY, NAME, duration

EXIT_USAGE = 2

_TTL = duration(3650 * DAY)
_NO_KEY = (
    "there is no key to sign with: set ARCHIVER_LINK_SECRET_FILE or ARCHIVER_LINK_SECRET, in the environment "
    "or in .env, or give --link-secret-file FILE or --config FILE"
)
_EPILOG = (
    "The key is the first one of the setting link-secret, or else the first one in the file that the "
    "setting link-secret-file names. Both are read from where the service reads them: the environment "
    "(ARCHIVER_LINK_SECRET, ARCHIVER_LINK_SECRET_FILE), the .env file in the current directory, and the "
    "config file."
)


def main(argv: Sequence[str]) -> int:
    """Print the link that `argv` (without the program's name) asks for; the exit status."""
    args = _parser().parse_args(argv or ["--help"])
    try:
        settings = _settings(args, os.environ, Path(".env"))
        _print_error(*settings.warnings)  # the reason, maybe, that there is no key
        keys = _keys(settings)
    except ArchiverError as error:
        _print_error(str(error))
        return EXIT_USAGE
    if args.format not in (None, settings.backend, *settings.formats):
        _print_error(_warn_unknown_format(args.format, settings))
    expires = math.ceil(time.time() + args.expires)
    extra_query = {"format": args.format} if args.format else {}
    sys.stdout.write(f"{args.base_url or ''}{keys.sign(args.hash, expires, extra_query)}\n")
    return 0


def _print_error(*lines: str) -> None:
    sys.stderr.writelines(f"{program_name()} sign-link: {line}\n" for line in lines)


def _settings(args: argparse.Namespace, environ: Mapping[str, str], dotenv: Path) -> Settings:
    """Read as the service reads them, so that both can be given the same."""
    flags = {"--config": args.config, "--link-secret-file": args.link_secret_file}
    given = [f"{flag}={value}" for flag, value in flags.items() if value is not None]
    return load_settings(given, environ, dotenv)


def _keys(settings: Settings) -> LinkSigner:
    keys = load_link_keys(settings)
    if keys is None:
        raise SettingsError(_NO_KEY)
    return keys


def _warn_unknown_format(name: str, settings: Settings) -> str:
    """A warning only: the service may have flags that nobody here knows of."""
    origins = f"backend: {settings.origins['backend']}, formats: {settings.origins['formats']}"
    offered = ", ".join(dict.fromkeys((settings.backend, *settings.formats)))
    return (
        f"warning: a service with these settings answers this link with 400: {name!r} is none of its "
        f"formats, which are {offered} ({origins}); add it to ARCHIVER_FORMATS"
    )


class _Parser(argparse.ArgumentParser):
    """Complains in one line, as the service does."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; --help tells more\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"{program_name()} sign-link",
        description="Prints a link that expires, without a check that there is such a directory.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("hash", type=_hash, help="The name of the directory.")
    parser.add_argument("--expires", type=_ttl, required=True, metavar="TIME", help="For how long: 12h, 7d.")
    parser.add_argument(
        "--format", type=_format, metavar="NAME", help="Ask for this format instead of the usual."
    )
    parser.add_argument("--base-url", type=_base_url, metavar="URL", help="What to put in front.")
    parser.add_argument("-c", "--config", metavar="FILE", help="Config file with settings.")
    parser.add_argument("--link-secret-file", metavar="FILE", help="File with keys, one on each line.")
    return parser


def _hash(text: str) -> str:
    # the bytes that were typed, whatever the locale makes of them
    name = parse_hash(quote(os.fsencode(text), safe=""))
    if name is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed: the name of a directory, without / and \\, "
            "neither hidden nor junk such as #recycle"
        )
    return name


def _ttl(text: str) -> float:
    try:
        ttl: float = _TTL.parse(text)
    except ValueError:
        ttl = 0
    if ttl < 1:  # 0 is "for ever" in some settings; no link lives so long
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed: a time from 1s to 3650d, such as 30m, 12h or 7d"
        )
    return ttl


def _format(text: str) -> str:
    try:
        return str(NAME.parse(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: {NAME.expected}") from None


def _base_url(text: str) -> str:
    try:
        address = urlsplit(text)
    except ValueError:
        address = urlsplit("")
    if address.scheme not in ("http", "https") or not address.netloc or address.query or address.fragment:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed: an address such as https://photos.example.com"
        )
    return text.rstrip("/")
