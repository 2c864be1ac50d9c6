"""Mutations of valid requests, deterministic for a seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fuzz import vocabulary
from tests.fuzz.response_checks import CANARY

Random = random.Random
_LONGEST = 100_000  # bytes of a request: above every limit of the service


@dataclass(slots=True)
class Request:
    """A valid request by default. `end` is the line ending of its header section."""

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
    """Encode as Latin-1, so that every byte is possible, or as UTF-8 if there are other characters."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


class Mutator:
    """Generates requests. `links` are paths and query strings of the albums."""

    def __init__(self, seed: int, links: list[str]) -> None:
        self._random = random.Random(seed)
        self._links = links

    def requests(self) -> bytes:
        """Return the data of one connection: often several requests, the last one sometimes truncated."""
        parts = [self.request() for _ in range(self._random.choice((1, 2, 4, 8)))]
        if self._random.random() < 0.05:
            parts[-1] = parts[-1][: self._random.randrange(len(parts[-1]) + 1)]
        return b"".join(parts)

    def request(self) -> bytes:
        rng = self._random
        request = Request(
            target=rng.choice(self._links) if rng.random() < 0.4 else rng.choice(vocabulary.TARGETS)
        )
        for mutate in rng.choices(_MUTATIONS, k=rng.choice((0, 1, 1, 2, 2, 3, 4))):
            mutate(request, rng)
        data = request.sent()
        return (_garbled(data, rng) if rng.random() < 0.15 else data)[:_LONGEST]


def _with_method(request: Request, rng: Random) -> None:
    request.method = rng.choice(vocabulary.METHODS)


def _with_version(request: Request, rng: Random) -> None:
    request.version = rng.choice(vocabulary.VERSIONS)


def _with_album(request: Request, rng: Random) -> None:
    request.target = (
        f"/archive/{rng.choice(vocabulary.ALBUMS + vocabulary.SECRET_PATHS)}{rng.choice(vocabulary.TAILS)}"
    )


def _climbing(request: Request, rng: Random) -> None:
    steps = "".join(
        rng.choice(vocabulary.UPS) + rng.choice(vocabulary.SLASHES) for _ in range(rng.randint(1, 8))
    )
    goal = rng.choice(vocabulary.PLACES + vocabulary.ALBUMS) + rng.choice(vocabulary.TAILS)
    request.target = f"/archive{rng.choice(vocabulary.SLASHES)}{steps}{goal}"


def _elsewhere(request: Request, rng: Random) -> None:
    request.target = rng.choice(vocabulary.PREFIXES) + request.target


def _with_query(request: Request, rng: Random) -> None:
    request.target += rng.choice("??&;#") + rng.choice(vocabulary.QUERIES)


def _encoded(request: Request, rng: Random) -> None:
    """Percent-encode some or all characters, once or twice."""
    share, percent = rng.choice((0.1, 1)), rng.choice(("%", "%25"))
    letters = [f"{percent}{ord(c):02x}" if c < "\x80" and rng.random() < share else c for c in request.target]
    request.target = "".join(letters)


def _with_header(request: Request, rng: Random) -> None:
    """Replace or duplicate a header."""
    name = rng.choice(_NAMES)
    if rng.random() < 0.5:
        request.headers = [header for header in request.headers if header[0] != name]
    header = (name, rng.choice(vocabulary.HEADERS[name]))
    request.headers.insert(rng.randint(0, len(request.headers)), header)


def _with_many_headers(request: Request, rng: Random) -> None:
    name = rng.choice(_NAMES)
    request.headers += [(name, rng.choice(vocabulary.PLAIN))] * rng.choice((2, 100, 1000))


def _without_header(request: Request, rng: Random) -> None:
    request.headers.pop(rng.randrange(len(request.headers))) if request.headers else None


def _with_range(request: Request, rng: Random) -> None:
    request.headers.append(("Range", rng.choice(vocabulary.RANGES)))


def _with_body(request: Request, rng: Random) -> None:
    """Add a body with correct, wrong or duplicate lengths and codings."""
    request.body = rng.choice(vocabulary.BODIES)
    lengths = [("Content-Length", str(len(request.body))), ("Content-Length", rng.choice(vocabulary.LENGTHS))]
    codings = [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", rng.choice(vocabulary.CODINGS))]
    request.headers += rng.sample(lengths + codings, rng.choice((1, 1, 2, 3)))


def _with_other_line_ends(request: Request, rng: Random) -> None:
    request.end = rng.choice(vocabulary.ENDS)


_MUTATIONS: list[Callable[[Request, Random], None]] = [
    _with_method, _with_version, _with_album, _with_album, _climbing, _climbing, _elsewhere, _with_query,
    _with_query, _encoded, _with_header, _with_header, _with_header, _with_many_headers, _without_header,
    _with_range, _with_body, _with_other_line_ends,
]  # fmt: skip
_NAMES = list(vocabulary.HEADERS)


def _garbled(data: bytes, rng: Random) -> bytes:
    """Replace, insert, remove or duplicate a few bytes."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.choice((0, 1, 1, 2, 10)))
        put = rng.choice(
            (rng.randbytes(until - at), b"", data[at:until] * 2, rng.randbytes(1), b"\r\n", b"\0", b"\n")
        )
        data = data[:at] + put + data[until:]
    return data
