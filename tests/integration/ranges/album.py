"""The album whose parts are asked for, and how it is asked for."""

from tests.helpers.raw_clients import Answer, ask, request

ALBUM = "5f2c1e0b9a7d4c3e8f6a1b2c3d4e5f60"
LINK = f"/archive/{ALBUM}/"
PLANNED = ("stored-zip", "tar")
STREAMED = ("zip", "tar.gz")
MEDIA_TYPES = {"stored-zip": "application/zip", "tar": "application/x-tar"}


async def get(base_url: str, headers: str = "", *, method: str = "GET") -> Answer:
    return await ask(base_url, request(LINK, method=method, headers=headers + "Connection: close\r\n"))


def head_of(answer: Answer) -> dict[str, str]:
    """By names as Tornado spells them."""
    return dict(header.split(": ", 1) for header in answer.headers)
