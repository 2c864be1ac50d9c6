"""The dashboard for Grafana and the documented alerts, with a real Prometheus that scrapes the service."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.admin_client import Admin, administered
from tests.helpers.prometheus import Prometheus, scraping
from tests.helpers.raw_clients import linked_noise, open_request, read_head
from tests.helpers.servers import eventually, fetch
from tests.integration.test_metrics import rules
from tests.telemetry.test_dashboard import PANELS

# As Grafana replaces them
VARIABLES = {"$instance": ".*", "$__rate_interval": "1m", "$__range": "1h"}
ADDED_BY_PROMETHEUS = {"job", "instance"}
FILES = 64


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    photos = tmp_path_factory.mktemp("dashboard") / "photos"
    linked_noise(photos / "album", files=FILES, size=1024 * 1024)
    with administered(photos, "--formats", "tar", "--workers", "2") as admin:
        yield admin


@pytest.fixture(scope="module")
def prometheus(admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus after a download, of which a part was read by another client."""
    with scraping(admin.port, tmp_path_factory.mktemp("prometheus")) as prometheus:
        fetch(admin.server.port, "/archive/album/")
        with open_request(admin.server, "/archive/album/", headers="Range: bytes=5-\r\n") as client:
            read_head(client)
        assert eventually(lambda: prometheus.value("sum(archiver_downloads_ended_total)") == 2)
        assert eventually(lambda: prometheus.value("sum(rate(archiver_downloads_ended_total[1m]))") > 0)
        yield prometheus


def expanded(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


@pytest.mark.parametrize(
    ("expression", "legend"),
    [
        pytest.param(target["expr"], target["legendFormat"], id=f"{panel['title']} {target['refId']}")
        for panel in PANELS
        for target in panel["targets"]
    ],
)
def test_query_of_the_dashboard_has_data(prometheus: Prometheus, expression: str, legend: str) -> None:
    series = prometheus.query(expanded(expression))
    assert series
    assert any(math.isfinite(float(each["value"][1])) for each in series), series
    for each in series:
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= set(each["metric"])


def test_queries_of_the_dashboard_have_the_values_of_the_downloads(prometheus: Prometheus) -> None:
    by_title = {panel["title"]: expanded(panel["targets"][0]["expr"]) for panel in PANELS}
    assert prometheus.value(by_title["Workers"]) == 2
    assert prometheus.value(by_title["Running"]) == prometheus.value(by_title["Failed"]) == 0
    assert prometheus.value(by_title["Throughput"]) > 1024 * 1024
    outcomes = {
        each["metric"]["outcome"]: each["value"][1] for each in prometheus.query(by_title["Outcomes"])
    }
    assert float(outcomes["complete"]) > 0
    assert float(outcomes["client_closed"]) > 0
    assert float(outcomes["failed"]) == 0
    assert len(prometheus.query(by_title["Downloads by worker"])) == 4
    assert prometheus.value(by_title["Checksum cache hits"]) > 0.9


def alerts() -> dict[str, str]:
    return dict(re.findall(r"- alert: (\w+)\n +expr: (.*)\n", rules()))


@pytest.mark.parametrize("name", alerts())
def test_documented_alert_is_silent_while_all_is_well(prometheus: Prometheus, name: str) -> None:
    assert prometheus.query(alerts()[name]) == []


@pytest.mark.parametrize("name", alerts())
def test_documented_alert_compares_a_series_that_exists(prometheus: Prometheus, name: str) -> None:
    for side in alerts()[name].split(" or "):
        expression = re.sub(r" (==|>) \d+$", "", side)
        assert expression != side
        assert prometheus.query(expression)


def test_label_values_of_dashboard_and_alerts_are_exported(admin: Admin) -> None:
    exported = defaultdict(set)
    for family in text_string_to_metric_families(admin.get("/metrics")[1]):
        for sample in family.samples:
            for label, value in sample.labels.items():
                exported[sample.name, label].add(value)
    expressions = [target["expr"] for panel in PANELS for target in panel["targets"]]
    found = 0
    for name, matchers in re.findall(r"(archiver_\w+)\{([^}]*)\}", "\n".join([*expressions, rules()])):
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', matchers):
            if label not in ADDED_BY_PROMETHEUS:
                found += 1
                assert set(values.split("|")) <= exported[name, label]
    assert found >= 5
