"""Waiting that is not given up half-way, for what must be put away before a request may end."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

_Result = TypeVar("_Result")


async def finished(awaitable: Awaitable[_Result]) -> _Result:
    """The result of `awaitable`, waited for even when this task is cancelled meanwhile, as often as it is;
    the cancellation goes on afterwards."""
    work = asyncio.ensure_future(awaitable)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return work.result()
