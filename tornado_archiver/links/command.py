"""`tornado-archiver sign-link`: prints a signed link, with the same keys as the service."""

import argparse
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

from tornado_archiver import program_name
from tornado_archiver.errors import ArchiverError, SettingsError
from tornado_archiver.links.keys import load_link_keys
from tornado_archiver.links.path import parse_hash, parse_path
from tornado_archiver.links.signing import LinkSigner
from tornado_archiver.settings.load import load_settings
from tornado_archiver.settings.options import Settings
from tornado_archiver.settings.types import DAY, NAME, duration

EXIT_USAGE = 2

_TTL = duration(3650 * DAY)
_NO_KEY = (
    "no key to sign with; set ARCHIVER_LINK_SECRET_FILE or ARCHIVER_LINK_SECRET in the environment or in "
    ".env, or use --link-secret-file FILE or --config FILE"
)
_EPILOG = (
    "The link is signed with the first key of the setting link-secret, else with the first key in "
    "link-secret-file. Both settings are read from the same places as by the service: the environment "
    "(ARCHIVER_LINK_SECRET, ARCHIVER_LINK_SECRET_FILE), the .env file in the current directory, and the "
    "config file."
)


def main(argv: Sequence[str]) -> int:
    """Print the link for `argv` (without the program's name) and return the exit status."""
    args = _parser().parse_args(argv or ["--help"])
    try:
        settings = _settings(args, os.environ, Path(".env"))
        _print_error(*settings.warnings)  # first, because a warning may explain a missing key
        keys = _keys(settings)
    except ArchiverError as error:
        _print_error(str(error))
        return EXIT_USAGE
    if args.format not in (None, settings.backend, *settings.formats):
        _print_error(_warn_unknown_format(args.format, settings))
    expires = math.ceil(time.time() + args.expires)
    extra_query = {"format": args.format} if args.format else {}
    link = keys.sign(args.hash, expires, extra_query, name=args.name or "", file_name=args.file_name or "")
    sys.stdout.write(f"{args.base_url or ''}{link}\n")
    return 0


def _print_error(*lines: str) -> None:
    sys.stderr.writelines(f"{program_name()} sign-link: {line}\n" for line in lines)


def _settings(args: argparse.Namespace, environ: Mapping[str, str], dotenv: Path) -> Settings:
    """Load the settings from the same places as the service."""
    flags = {"--config": args.config, "--link-secret-file": args.link_secret_file}
    argv = [f"{flag}={value}" for flag, value in flags.items() if value is not None]
    return load_settings(argv, environ, dotenv)


def _keys(settings: Settings) -> LinkSigner:
    keys = load_link_keys(settings)
    if keys is None:
        raise SettingsError(_NO_KEY)
    return keys


def _warn_unknown_format(name: str, settings: Settings) -> str:
    """Return a warning, not an error, because the flags of the service are unknown here."""
    origins = f"backend: {settings.origins['backend']}, formats: {settings.origins['formats']}"
    formats = ", ".join(dict.fromkeys((settings.backend, *settings.formats)))
    return (
        f"warning: a service with these settings returns 400 for this link: {name!r} is not one of the "
        f"formats {formats} ({origins}); add it to ARCHIVER_FORMATS"
    )


class _Parser(argparse.ArgumentParser):
    """Argument parser whose errors are one line, like those of the service."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"{program_name()} sign-link",
        description="Print a signed link. The command does not check that the directory exists.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("hash", type=_hash, help="Name of the directory.")
    parser.add_argument("--expires", type=_ttl, required=True, metavar="TIME", help="Lifetime: 12h, 7d.")
    parser.add_argument(
        "--format", type=_format, metavar="NAME", help="Archive format; default: that of the service."
    )
    names = parser.add_mutually_exclusive_group()
    names.add_argument("--name", type=_link_name, metavar="NAME", help="Name of the download: Anna and Ben.")
    names.add_argument("--file-name", type=_file_name, metavar="NAME", help="End of the link: holiday.zip.")
    parser.add_argument(
        "--base-url", type=_base_url, metavar="URL", help="Address of the service, before the path."
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="Config file with settings.")
    parser.add_argument("--link-secret-file", metavar="FILE", help="File with keys, one on each line.")
    return parser


def _hash(text: str) -> str:
    # quoted from the bytes of the argument, so that the link does not depend on the locale
    name = parse_hash(quote(os.fsencode(text), safe=""))
    if name is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed: the name of a directory, without / and \\, "
            "not hidden, and not junk such as #recycle"
        )
    return name


def _link_name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a name such as Anna and Ben")
    return text


def _file_name(text: str) -> str:
    # quoted from the bytes of the argument, so that the link does not depend on the locale
    path = parse_path(f"hash/{quote(os.fsencode(text), safe='')}")
    if path is None or "." not in path.file_name.strip("."):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed: a file name with the suffix of an offered format, such as holiday.zip"
        )
    return path.file_name


def _ttl(text: str) -> float:
    try:
        ttl: float = _TTL.parse(text)
    except ValueError:
        ttl = 0
    if ttl < 1:  # rejects 0, which means no limit in some settings, because every link expires
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
