"""Minimal Starlette server with zipstream-ng; Starlette iterates the chunks in its thread pool."""

import os

from starlette.applications import Starlette  # type: ignore[import-not-found]
from starlette.requests import Request  # type: ignore[import-not-found]
from starlette.responses import StreamingResponse  # type: ignore[import-not-found]
from starlette.routing import Route  # type: ignore[import-not-found]
from zipstream import ZipStream  # type: ignore[import-not-found]


def archive(request: Request) -> StreamingResponse:
    stream = ZipStream.from_path(os.path.join(os.environ["PHOTOS_DIR"], request.path_params["hash"]))
    headers = {
        "Content-Length": str(len(stream)),
        "Content-Disposition": 'attachment; filename="archive.zip"',
    }
    return StreamingResponse(stream, media_type="application/zip", headers=headers)


app = Starlette(routes=[Route("/archive/{hash}/", archive)])
