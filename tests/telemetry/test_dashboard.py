"""The dashboard for Grafana: a valid file that names exported metrics only."""

import itertools
import json
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.servers import PROJECT
from tornado_archiver.limits.scoreboard import Scoreboard
from tornado_archiver.telemetry.metrics import Metrics
from tornado_archiver.telemetry.prometheus import PrometheusPage

DASHBOARD = json.loads((PROJECT / "config" / "grafana-dashboard.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
WIDTH = 24  # columns of a dashboard
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
BUILT_IN = {"__rate_interval", "__range", "__all"}


def titled(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def test_dashboard_has_the_keys_that_an_import_needs() -> None:
    assert DASHBOARD["title"] == "Tornado Archiver"
    assert re.fullmatch("[a-zA-Z0-9_-]{1,40}", DASHBOARD["uid"])
    assert isinstance(DASHBOARD["schemaVersion"], int)
    assert "id" not in DASHBOARD, "the id is that of the database of one Grafana"
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    assert DASHBOARD["templating"]["list"][0]["query"] == "prometheus"


def test_panels_have_unique_ids_and_titles() -> None:
    for key in ("id", "title"):
        values = [panel[key] for panel in PANELS]
        assert len(set(values)) == len(values) > 10


@pytest.mark.parametrize("panel", PANELS, ids=titled)
def test_panel_has_a_description_data_source_and_queries(panel: dict[str, Any]) -> None:
    assert panel["type"] in {"stat", "timeseries"}
    assert panel["description"].endswith(".")
    assert panel["datasource"] == DATASOURCE
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references) > 0
    assert all(target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("panel", PANELS, ids=titled)
def test_panel_is_within_the_grid(panel: dict[str, Any]) -> None:
    place = panel["gridPos"]
    assert place["x"] >= 0
    assert place["y"] >= 0
    assert place["w"] > 0
    assert place["h"] > 0
    assert place["x"] + place["w"] <= WIDTH


def test_panels_do_not_overlap_and_leave_no_gaps() -> None:
    cells = list(itertools.chain.from_iterable(map(cells_of, PANELS)))
    rows = max(y for _, y in cells) + 1
    assert sorted(cells) == sorted(itertools.product(range(WIDTH), range(rows)))


def cells_of(panel: dict[str, Any]) -> list[tuple[int, int]]:
    x, y, w, h = (panel["gridPos"][key] for key in "xywh")
    return list(itertools.product(range(x, x + w), range(y, y + h)))


def test_dashboard_uses_declared_variables_only() -> None:
    declared = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used - BUILT_IN == declared == {"datasource", "instance"}


def test_every_query_is_limited_to_the_selected_instances() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            selectors = re.findall(r"archiver_\w+(\{[^}]*\})?", target["expr"])
            assert all('instance=~"$instance"' in selector for selector in selectors), target["expr"]


def test_dashboard_names_exported_metrics_only() -> None:
    scoreboard = Scoreboard()
    text, _ = PrometheusPage(Metrics(scoreboard.workers, ["tar"]), scoreboard).page("")
    exported = {
        name
        for family in text_string_to_metric_families(text.decode())
        for name in [family.name, *(sample.name for sample in family.samples)]
    }
    named = set(re.findall(r"archiver_\w+", json.dumps(DASHBOARD)))
    assert len(named) > 10
    assert named <= exported
