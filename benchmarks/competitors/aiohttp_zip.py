"""Minimal aiohttp server around the `zip` program. Environment variables: PHOTOS_DIR, PORT."""

import asyncio
import os

from aiohttp import web  # type: ignore[import-not-found]


async def archive(request: web.Request) -> web.StreamResponse:
    directory = os.path.join(os.environ["PHOTOS_DIR"], request.match_info["hash"])
    response = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="archive.zip"'})
    await response.prepare(request)
    process = await asyncio.create_subprocess_exec(
        "zip", "-q", "-r", "-0", "-", ".", cwd=directory, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    while chunk := await process.stdout.read(64 * 1024):
        await response.write(chunk)
    await process.wait()
    return response


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/archive/{hash}/", archive)])
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)
