"""What must hold of every answer, whatever was asked."""

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote

from tests.abuse.answers import Answer, NotHttpError, parsed
from tests.abuse.talks import LAST_ID, LAST_REQUEST, Talk, talk
from tests.abuse.traps import ALBUM, FORMATS, ODD_ALBUMS, Traps, unpacked

# Whoever asks can bring these about, and no other: 500 is a bug, 503 takes a limit that was reached
STATUSES = {100, 200, 206, 304, 400, 404, 405, 410, 412, 416, 431}
_PATIENCE_S = 30
CANARY = "zq7canary"  # stands in requests, alone and within what would be markup
_MARKED = re.compile(rb"[<\"'`]" + CANARY.encode())
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:@+/=~-]{1,64}", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Judge:
    """Knows what the albums are, as the service gives them to who asks nicely."""

    def __init__(self, port: int, traps: Traps, signed: dict[str, str] | None = None) -> None:
        """`signed` are the queries that open the albums, where a link needs one."""
        self._secrets = traps.secrets
        self._bodies: dict[str, bytes] = {}  # of archives with a known length, by the name to save it as
        self._contents: dict[str, dict[str, bytes]] = {}  # of the others
        self._not_found = {answer.body for answer in _missing(port)}
        for album in (ALBUM, *ODD_ALBUMS):
            for name in FORMATS:
                query = f"{(signed or {}).get(album, '')}&format={name}"
                self._learn(answer_to(port, f"/archive/{quote(album)}/?{query}"), traps.contents(album))

    def _learn(self, answer: Answer, contents: dict[str, bytes]) -> None:
        assert answer.status == 200
        assert unpacked(answer.body, answer.headers["content-type"]) == contents
        if "etag" in answer.headers:
            self._bodies[answer.headers["content-disposition"]] = answer.body
        else:
            self._contents[answer.headers["content-disposition"]] = contents

    def outcomes(self, told: Talk) -> Counter[str]:
        """How the requests of a talk ended, without the last one. Raises AssertionError when one did as it
        must not."""
        try:
            answers = parsed(
                told.answered, some_heads=b"HEAD" in told.asked, may_be_cut=told.left or told.reset
            )
            faults = [fault for answer in answers for fault in self._faults(answer, told)]
        except NotHttpError as error:
            answers, faults = [], [str(error)]
        assert not faults, f"{faults}\nafter {told.asked!r}\ncame {told.answered[:3000]!r}"
        ids = [answer.headers.get("x-request-id") for answer in answers if answer.status >= 200]
        ended = Counter(str(answer.status) for answer in answers if answer.status >= 200)
        if LAST_ID in ids:
            return ended - Counter({"200": 1})
        return ended + Counter({"waited for" if told.left else "hung up on": not ended["400"]})

    def assert_serves(self, port: int, link: str) -> None:
        """That a link gives its album."""
        asked = f"GET {link} HTTP/1.1\r\nHost: h\r\n\r\n".encode() + LAST_REQUEST
        assert self.outcomes(talk(port, asked, _PATIENCE_S)) == {"200": 1}, f"{link} gives no album any more"

    def _faults(self, answer: Answer, told: Talk) -> Iterator[str]:
        if answer.status not in STATUSES:
            yield f"status {answer.status}"
        if not answer.is_whole and not (told.left or told.reset):
            yield "cut, and no reset tells so"
        if answer.headers.keys() - {
            "x-robots-tag"
        }:  # a refusal that no handler makes has no other, nor a body
            yield from self._head_faults(answer)
            yield from self._page_faults(answer) if not _is_archive(answer) else self._archive_faults(answer)
        elif answer.body:
            yield "a body without a head"

    def _head_faults(self, answer: Answer) -> Iterator[str]:
        if not _REQUEST_ID.fullmatch(answer.headers.get("x-request-id", "")):
            yield "no sane X-Request-Id"
        others = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        if CANARY in str(others):
            yield "the head repeats the request"
        if "server" in others:
            yield "it says what it runs on"

    def _page_faults(self, answer: Answer) -> Iterator[str]:
        told = answer.head + answer.body
        yield from (f"it tells of {secret!r}" for secret in self._secrets if secret in told)
        if _MARKED.search(answer.body):
            yield "the page repeats the request as it was"
        if answer.status == 404 and answer.body and answer.is_whole and answer.body not in self._not_found:
            yield "a 404 unlike the others"

    def _archive_faults(self, answer: Answer) -> Iterator[str]:
        if "etag" not in answer.headers:
            yield from self._streamed_faults(answer)
            return
        whole = self._bodies.get(answer.headers["content-disposition"])
        if whole is None:
            yield "an archive of what is no album"
        elif (
            answer.body
            and answer.status == 200
            and answer.body != whole[: None if answer.is_whole else len(answer.body)]
        ):
            yield "another archive than it says"
        elif answer.body and answer.status == 206 and answer.is_whole:
            yield from _range_faults(answer, whole)

    def _streamed_faults(self, answer: Answer) -> Iterator[str]:
        expected = self._contents.get(answer.headers["content-disposition"])
        if expected is None:
            yield "an archive of what is no album"
        elif (
            answer.body
            and answer.is_whole
            and unpacked(answer.body, answer.headers["content-type"]) != expected
        ):
            yield "an archive of something else"


def _is_archive(answer: Answer) -> bool:
    return answer.status in (200, 206) and "content-disposition" in answer.headers


def _range_faults(answer: Answer, whole: bytes) -> Iterator[str]:
    """Of a 206 that came whole."""
    media_type, _, boundary = answer.headers["content-type"].partition("; boundary=")
    if media_type != "multipart/byteranges":
        yield from _part_faults(answer.headers["content-range"], answer.body, whole)
        return
    for part in answer.body.split(f"\r\n--{boundary}".encode())[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        yield from _part_faults(head.decode().rpartition("Content-Range: ")[2], body, whole)


def _part_faults(content_range: str, body: bytes, whole: bytes) -> Iterator[str]:
    found = _CONTENT_RANGE.fullmatch(content_range)
    if not found or int(found[3]) != len(whole) or whole[int(found[1]) : int(found[2]) + 1] != body:
        yield f"not {content_range}"


def _missing(port: int) -> list[Answer]:
    return [answer_to(port, "/archive/nothing/", f"Accept: {kind}\r\n") for kind in ("*/*", "text/html")]


def answer_to(port: int, path: str, headers: str = "") -> Answer:
    """The only answer on a connection of its own."""
    asked = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n"
    (answer,) = parsed(talk(port, asked.encode(), _PATIENCE_S).answered, some_heads=False)
    assert answer.is_whole
    return answer
