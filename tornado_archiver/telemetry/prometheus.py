"""The Prometheus text format of the metrics. Rule: the only module that imports prometheus_client."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from tornado_archiver import __version__
from tornado_archiver.limits.scoreboard import Scoreboard, Slot
from tornado_archiver.telemetry.counters import SUM, Key, MetricFamily
from tornado_archiver.telemetry.metrics import Metrics

_INFINITY = "+Inf"


class PrometheusPage(Collector):
    """The response body of `/metrics`. `metrics` and `scoreboard` are shared by all workers."""

    def __init__(self, metrics: Metrics, scoreboard: Scoreboard) -> None:
        self._metrics = metrics
        self._scoreboard = scoreboard
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def page(self, accept_header: str) -> tuple[bytes, str]:
        """Return all metrics and their media type, in the format that the client prefers."""
        try:
            encode, media_type = choose_encoder(accept_header)
        except TypeError:  # because it compares the x of version=x, not a number, with one
            encode, media_type = choose_encoder("")
        return encode(self._registry), media_type

    def collect(self) -> Iterator[Metric]:
        values = self._metrics.counters.values()
        for family in self._metrics.counters.families:
            of_family = family.samples(values)
            yield _histogram(family, of_family) if family.buckets else _counter(family, of_family)
        yield from self._gauges()

    def _gauges(self) -> Iterator[Metric]:
        """Yield the current state, without the downloads of exited workers."""
        slots, workers = self._scoreboard.slots(), self._scoreboard.workers.gauges()
        running = sum(slot.is_running for slot in slots)
        yield _downloads_by_worker(slots, workers)
        limit = self._scoreboard.limits.total
        for name, text, value in (
            ("downloads_running", "Downloads that are being sent.", running),
            ("downloads_queued", "Downloads that wait in the queue.", len(slots) - running),
            ("downloads_limit", "How many may run at once (--max-downloads); 0 is no limit.", limit),
            ("workers", "Processes that serve.", len(workers)),
            ("draining", "Whether the service shuts down.", self._scoreboard.draining),
            ("crc_cache_entries", "CRC-32s kept, in all workers together.", sum(workers.values())),
            ("start_time_seconds", "When the service was started, as Unix time.", self._metrics.started_at),
        ):
            yield GaugeMetricFamily(f"archiver_{name}", text, value)
        yield InfoMetricFamily("archiver_build", "Version of the service.", {"version": __version__})


def _downloads_by_worker(slots: Iterable[Slot], workers: Iterable[int]) -> Metric:
    metric = GaugeMetricFamily(
        "archiver_worker_downloads", "Downloads of each worker process.", labels=("pid", "state")
    )
    counts = Counter((slot.pid, slot.is_running) for slot in slots)
    for pid in workers:
        metric.add_metric((str(pid), "running"), counts[pid, True])
        metric.add_metric((str(pid), "queued"), counts[pid, False])
    return metric


def _counter(family: MetricFamily, values: Mapping[Key, float]) -> Metric:
    metric = CounterMetricFamily(family.name, family.help_text, labels=family.label_names)
    for label_values, value in values.items():
        metric.add_metric(label_values, value)
    return metric


def _histogram(family: MetricFamily, values: Mapping[Key, float]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help_text, labels=family.label_names)
    series: dict[Key, dict[str, float]] = defaultdict(dict)
    for key, value in values.items():
        series[key[:-1]][key[-1]] = value
    for label_values, observed in series.items():
        metric.add_metric(label_values, _cumulative(family.buckets, observed), observed[SUM])
    return metric


def _cumulative(bounds: Iterable[float], observed: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the count up to each bound, from the count of each bucket alone."""
    buckets, so_far = [], 0.0
    for bound in (*bounds, float("inf")):
        so_far += observed.get(str(bound), 0)
        buckets.append((_INFINITY if bound == float("inf") else str(float(bound)), so_far))
    return buckets
