"""Requests out of valid ones that were tampered with: what a seed gives, it gives again."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.abuse import words
from tests.abuse.judge import CANARY

Random = random.Random
_LONGEST = 100_000  # bytes of a request: beyond what any limit of the service lets through


@dataclass(slots=True)
class Request:
    """One that is valid as it begins. `end` is what stands behind each line of its head."""

    method: str = "GET"
    target: str = "/"
    version: str = "HTTP/1.1"
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("Host", f"{CANARY}.test")])
    body: bytes = b""
    end: str = "\r\n"

    def sent(self) -> bytes:
        lines = [
            f"{self.method} {self.target} {self.version}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return _bytes("".join(line + self.end for line in [*lines, ""])) + self.body


def _bytes(text: str) -> bytes:
    """Latin-1, so that every byte can be had, and UTF-8 where there are letters beyond it."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


class Mutator:
    """Makes request after request. `links` are the paths and queries that open the albums."""

    def __init__(self, seed: int, links: list[str]) -> None:
        self._random = random.Random(seed)
        self._links = links

    def requests(self) -> bytes:
        """What one visitor says, mostly several requests at once, the last one maybe not to its end."""
        said = [self.request() for _ in range(self._random.choice((1, 2, 4, 8)))]
        if self._random.random() < 0.05:
            said[-1] = said[-1][: self._random.randrange(len(said[-1]) + 1)]
        return b"".join(said)

    def request(self) -> bytes:
        rng = self._random
        request = Request(target=rng.choice(self._links) if rng.random() < 0.4 else rng.choice(words.TARGETS))
        for tamper in rng.choices(_TAMPERS, k=rng.choice((0, 1, 1, 2, 2, 3, 4))):
            tamper(request, rng)
        data = request.sent()
        return (_garbled(data, rng) if rng.random() < 0.15 else data)[:_LONGEST]


def _with_method(request: Request, rng: Random) -> None:
    request.method = rng.choice(words.METHODS)


def _with_version(request: Request, rng: Random) -> None:
    request.version = rng.choice(words.VERSIONS)


def _with_album(request: Request, rng: Random) -> None:
    request.target = f"/archive/{rng.choice(words.ALBUMS + words.TRAPS)}{rng.choice(words.TAILS)}"


def _climbing(request: Request, rng: Random) -> None:
    steps = "".join(rng.choice(words.UPS) + rng.choice(words.SLASHES) for _ in range(rng.randint(1, 8)))
    goal = rng.choice(words.PLACES + words.ALBUMS) + rng.choice(words.TAILS)
    request.target = f"/archive{rng.choice(words.SLASHES)}{steps}{goal}"


def _elsewhere(request: Request, rng: Random) -> None:
    request.target = rng.choice(words.PREFIXES) + request.target


def _with_query(request: Request, rng: Random) -> None:
    request.target += rng.choice("??&;#") + rng.choice(words.QUERIES)


def _encoded(request: Request, rng: Random) -> None:
    """Some of its letters, or all, maybe twice."""
    share, percent = rng.choice((0.1, 1)), rng.choice(("%", "%25"))
    letters = [f"{percent}{ord(c):02x}" if c < "\x80" and rng.random() < share else c for c in request.target]
    request.target = "".join(letters)


def _with_header(request: Request, rng: Random) -> None:
    """In place of one of that name, or beside it."""
    name = rng.choice(_NAMES)
    if rng.random() < 0.5:
        request.headers = [header for header in request.headers if header[0] != name]
    header = (name, rng.choice(words.HEADERS[name]))
    request.headers.insert(rng.randint(0, len(request.headers)), header)


def _with_many_headers(request: Request, rng: Random) -> None:
    name = rng.choice(_NAMES)
    request.headers += [(name, rng.choice(words.PLAIN))] * rng.choice((2, 100, 1000))


def _without_header(request: Request, rng: Random) -> None:
    request.headers.pop(rng.randrange(len(request.headers))) if request.headers else None


def _with_range(request: Request, rng: Random) -> None:
    request.headers.append(("Range", rng.choice(words.RANGES)))


def _with_body(request: Request, rng: Random) -> None:
    """And with what says how long it is, truly or not, once or twice."""
    request.body = rng.choice(words.BODIES)
    lengths = [("Content-Length", str(len(request.body))), ("Content-Length", rng.choice(words.LENGTHS))]
    codings = [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", rng.choice(words.CODINGS))]
    request.headers += rng.sample(lengths + codings, rng.choice((1, 1, 2, 3)))


def _with_other_line_ends(request: Request, rng: Random) -> None:
    request.end = rng.choice(words.ENDS)


_TAMPERS: list[Callable[[Request, Random], None]] = [
    _with_method, _with_version, _with_album, _with_album, _climbing, _climbing, _elsewhere, _with_query,
    _with_query, _encoded, _with_header, _with_header, _with_header, _with_many_headers, _without_header,
    _with_range, _with_body, _with_other_line_ends,
]  # fmt: skip
_NAMES = list(words.HEADERS)


def _garbled(data: bytes, rng: Random) -> bytes:
    """A few bytes replaced, put in, left out or said again."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.choice((0, 1, 1, 2, 10)))
        put = rng.choice(
            (rng.randbytes(until - at), b"", data[at:until] * 2, rng.randbytes(1), b"\r\n", b"\0", b"\n")
        )
        data = data[:at] + put + data[until:]
    return data
