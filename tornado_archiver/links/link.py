"""Archive links: the parsed parts of a URL, and their verification. Pure: the caller passes the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tornado_archiver.links.path import parse_path
from tornado_archiver.links.signing import LinkSigner


@dataclass(frozen=True, slots=True)
class ArchiveLink:
    """The parts of a link, decoded.

    `file_name` is the last part of the path, `name` is `?name=`; a link has at most one of them. `files` are
    the selected members (`?file=`), none for the whole directory. Bytes that are not UTF-8 are surrogates
    (PEP 383).
    """

    source_hash: str
    file_name: str = ""
    name: str = ""
    files: tuple[str, ...] = ()
    expires: str = ""
    signature: str = ""

    def verify(self, keys: LinkSigner | None, now: float) -> None:
        """Verify the signature and the expiry time; without keys, every link is valid.

        Called once per request before the first byte, so a download that started in time may finish. Raise
        BadSignatureError, LinkExpiredError.
        """
        if keys is not None:
            signed_name = self.file_name or self.name
            keys.verify(self.source_hash, self.expires, self.signature, now, signed_name)


def parse_link(path: str, query: Mapping[str, Sequence[bytes]]) -> ArchiveLink | None:
    """Return the link with this path, as in `parse_path`, and these query arguments. Return None if the path
    cannot be that of an archive, or if the link has two names."""
    parts = parse_path(path)
    name = _single(query, "name")
    if parts is None or (parts.file_name and name):
        return None
    return ArchiveLink(
        *parts,
        name=name,
        files=tuple(dict.fromkeys(_decode(value) for value in query.get("file", ()))),
        expires=_single(query, "expires"),
        signature=_single(query, "signature"),
    )


def _single(query: Mapping[str, Sequence[bytes]], name: str) -> str:
    """Return the unmodified value of an argument, "" if it is missing or repeated.

    RequestHandler.get_query_argument() strips blanks and returns the last of several values. No key has
    signed "".
    """
    values = query.get(name, ())
    return _decode(values[0]) if len(values) == 1 else ""


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
