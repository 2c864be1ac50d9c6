"""What was counted, as Prometheus wants it: the only place that knows its client library."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

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
from tornado_archiver.ledger import Ledger
from tornado_archiver.tally import Key
from tornado_archiver.web.metrics import FAMILIES, SUM, Family, Metrics

_INFINITY = "+Inf"


class Exposition:
    """`metrics` and `ledger` are those that all workers share."""

    def __init__(self, metrics: Metrics, ledger: Ledger) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Shared(metrics, ledger))

    def page(self, accept_header: str) -> tuple[bytes, str]:
        """All figures and their media type, in the format that the client likes best."""
        try:
            encode, media_type = choose_encoder(accept_header)
        except TypeError:  # it compares version=x, which is no number, with one
            encode, media_type = choose_encoder("")
        return encode(self._registry), media_type


class _Shared(Collector):
    def __init__(self, metrics: Metrics, ledger: Ledger) -> None:
        self._metrics = metrics
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        counts = self._metrics.tally.counts()
        for family in FAMILIES:
            of_family = {key[1:]: count for key, count in counts.items() if key[0] == family.name}
            yield _histogram(family, of_family) if family.buckets else _counter(family, of_family)
        yield from self._gauges()
        yield InfoMetricFamily("archiver_build", "Version of the service.", {"version": __version__})

    def _gauges(self) -> Iterator[Metric]:
        """What is so right now. What a dead worker did is not in the ledger any more."""
        rows, workers = self._ledger.rows(), self._metrics.roll.notes()
        running = sum(row.is_running for row in rows)
        limit = self._ledger.limits.total
        for name, text, value in (
            ("downloads_running", "Downloads that have their turn.", running),
            ("downloads_waiting", "Downloads that wait for their turn.", len(rows) - running),
            ("downloads_limit", "How many may run at once (--max-downloads); 0 is no limit.", limit),
            ("workers", "Processes that serve.", len(workers)),
            ("draining", "Whether the service is about to stop.", self._ledger.draining),
            ("crc_cache_entries", "CRC-32s kept, in all workers together.", sum(workers.values())),
            ("start_time_seconds", "When the service was started, as Unix time.", self._metrics.started_at),
        ):
            yield GaugeMetricFamily(f"archiver_{name}", text, value)


def _counter(family: Family, counts: dict[Key, float]) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for values, count in counts.items():
        metric.add_metric(values, count)
    return metric


def _histogram(family: Family, counts: dict[Key, float]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    found: dict[Key, dict[str, float]] = defaultdict(dict)
    for key, count in counts.items():
        found[key[:-1]][key[-1]] = count
    for values, observed in found.items():
        metric.add_metric(values, _cumulative(family.buckets, observed), observed[SUM])
    return metric


def _cumulative(bounds: Iterable[float], observed: dict[str, float]) -> list[tuple[str, float]]:
    """How much was observed up to each bound, where `observed` says how much in each bucket."""
    buckets, so_far = [], 0.0
    for bound in (*bounds, float("inf")):
        so_far += observed.get(str(bound), 0)
        buckets.append((_INFINITY if bound == float("inf") else str(float(bound)), so_far))
    return buckets
