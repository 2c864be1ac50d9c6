"""Resources of a running service, to compare before and after a test."""

import json
from dataclasses import dataclass

from tests.helpers.servers import Server, eventually, fetch

_IDLE_THREADS = 40  # of a worker: 32 that wait for disks, and others


@dataclass(frozen=True, slots=True)
class Resources:
    """`workers` are process ids, which change if a worker is restarted. `threads` exclude those that stay
    idle for the next download. `memory` is in bytes."""

    workers: tuple[int, ...]
    descriptors: int
    threads: int
    programs: int
    downloads: int
    memory: int


def measure_resources(server: Server, admin_port: int) -> Resources:
    workers = server.workers
    status = json.loads(fetch(admin_port, "/status.json"))
    return Resources(
        workers=tuple(sorted(worker.pid for worker in workers)),
        descriptors=sum(worker.num_fds() for worker in workers),
        threads=sum(max(0, worker.num_threads() - _IDLE_THREADS) for worker in workers),
        programs=sum(len(worker.children(recursive=True)) for worker in workers),
        downloads=status["running"] + status["queued"],
        memory=sum(worker.memory_info().rss for worker in workers),
    )


def assert_released(server: Server, admin_port: int, before: Resources, *, growth: int) -> None:
    """Assert that the service uses no more than before, except for `growth` bytes of memory."""

    def excess() -> dict[str, tuple[int, int]]:
        now = measure_resources(server, admin_port)
        names = ("descriptors", "threads", "programs", "downloads")
        return {
            name: (getattr(before, name), getattr(now, name))
            for name in names
            if getattr(now, name) > getattr(before, name)
        }

    assert eventually(lambda: not excess()), f"more than before: {excess()}"
    now = measure_resources(server, admin_port)
    assert now.workers == before.workers, "a worker was restarted"
    assert now.memory - before.memory < growth, f"memory has grown by {now.memory - before.memory} bytes"
