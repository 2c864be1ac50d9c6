"""A real Prometheus that scrapes the admin address of a server.

Rule: nothing here imports the service.
"""

import json
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.admin_client import ask
from tests.helpers.servers import eventually, free_port, tool

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: archiver
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Prometheus on `port`."""

    port: int

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression now: labels in `metric`, time and value in `value`."""
        arguments = urllib.parse.urlencode({"query": expression})
        status, text = ask(self.port, f"/api/v1/query?{arguments}")
        assert status == 200, f"{expression}: {text}"
        found: list[dict[str, Any]] = json.loads(text)["data"]["result"]
        return found

    def value(self, expression: str) -> float:
        """Return the value of an expression with one series, -1 if it has none yet."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else -1


@contextmanager
def scraping(admin_port: int, directory: Path) -> Iterator[Prometheus]:
    """Yield a Prometheus that has scraped the admin address once; its data is in `directory`."""
    config = directory / "prometheus.yml"
    config.write_text(CONFIG.format(port=admin_port), "utf-8")
    prometheus = Prometheus(free_port())
    command = [tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{prometheus.port}", "--log.level=error"]
    with subprocess.Popen(command) as process:
        try:
            assert eventually(lambda: process.poll() is None and is_ready(prometheus.port))
            assert eventually(lambda: prometheus.value('up{job="archiver"}') == 1)
            yield prometheus
        finally:
            process.terminate()


def is_ready(port: int) -> bool:
    try:
        return ask(port, "/-/ready")[0] == 200
    except OSError:
        return False
