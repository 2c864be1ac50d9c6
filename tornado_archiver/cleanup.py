"""Waiting that is not given up half-way, for what must be put away before a request may end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

_Result = TypeVar("_Result")


async def shielded(awaitable: Awaitable[_Result], on_cancel: Callable[[], object] = lambda: None) -> _Result:
    """The result of `awaitable`, waited for even when this task is cancelled meanwhile, as often as it is;
    the cancellation goes on afterwards, and an error of `awaitable` is dropped for it. `on_cancel` is called
    at each cancellation, to have `awaitable` end sooner."""
    work = asyncio.ensure_future(awaitable)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
            on_cancel()
    if cancelled is not None:
        if not work.cancelled():
            work.exception()  # looked at, or asyncio would log it as one that nobody has looked at
        try:
            raise cancelled
        finally:
            cancelled = None  # it knows this frame: together they would keep all that was under way
    return work.result()
