"""The admin's address of a server, as Prometheus, a probe and a program see it.

Rule: nothing here imports the service; it is spoken to from outside.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.servers import DIRECT, Server, free_port, running_server, wait_until_answering


@dataclass(frozen=True, slots=True)
class Admin:
    """The admin of `server`."""

    server: Server
    port: int

    def get(self, path: str, accept: str = "*/*") -> tuple[int, str]:
        """Status and body of the response."""
        return ask(self.port, path, accept)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/status.json")[1])
        return found

    def samples(self) -> dict[tuple[str, ...], float]:
        """Every sample by its name and the values of its labels, sorted by the labels' names."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def count(self, name: str, *values: str) -> float:
        return self.samples()[f"archiver_{name}", *values]


def ask(port: int, path: str, accept: str = "*/*") -> tuple[int, str]:
    """Status and body of the response to a GET."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    try:
        with DIRECT.open(asked, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@contextmanager
def administered(photos_dir: Path, *args: str) -> Iterator[Admin]:
    """A server as `running_server` starts one, with an address for the admin."""
    port = free_port()
    with running_server(photos_dir, "--admin-port", str(port), *args) as server:
        wait_until_answering(port, server.process)
        yield Admin(server, port)
