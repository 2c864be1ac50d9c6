"""What a running service holds, to compare before and after."""

import json
from dataclasses import dataclass

from tests.servers import Server, eventually, fetch

_STAYING = 40  # threads of a worker that wait for disks, 32 of them, and its others


@dataclass(frozen=True, slots=True)
class Footprint:
    """`workers` by their numbers: one that died was replaced by another. `threads` beyond those that stay,
    idle, for the next download. `memory` is in bytes."""

    workers: tuple[int, ...]
    descriptors: int
    threads: int
    programs: int
    downloads: int
    memory: int


def footprint(server: Server, admin_port: int) -> Footprint:
    workers = server.workers
    status = json.loads(fetch(admin_port, "/status.json"))
    return Footprint(
        workers=tuple(sorted(worker.pid for worker in workers)),
        descriptors=sum(worker.num_fds() for worker in workers),
        threads=sum(max(0, worker.num_threads() - _STAYING) for worker in workers),
        programs=sum(len(worker.children(recursive=True)) for worker in workers),
        downloads=status["running"] + status["waiting"],
        memory=sum(worker.memory_info().rss for worker in workers),
    )


def assert_released(server: Server, admin_port: int, before: Footprint, *, growth: int) -> None:
    """That the service holds no more than before, but for `growth` bytes of memory."""

    def more() -> dict[str, tuple[int, int]]:
        now = footprint(server, admin_port)
        names = ("descriptors", "threads", "programs", "downloads")
        return {
            name: (getattr(before, name), getattr(now, name))
            for name in names
            if getattr(now, name) > getattr(before, name)
        }

    assert eventually(lambda: not more()), f"more than before: {more()}"
    now = footprint(server, admin_port)
    assert now.workers == before.workers, "a worker has died"
    assert now.memory - before.memory < growth, f"memory has grown by {now.memory - before.memory} bytes"
