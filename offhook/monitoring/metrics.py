"""Every metric: name, type, labels and meaning; and their values as Prometheus reads them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric as Family


class Metric(NamedTuple):
    """One metric. A counter's name is shown with `_total`."""

    kind: str
    labels: tuple[str, ...]
    meaning: str


_PART: Final = ("stage", "partition")

METRICS: Final[Mapping[str, Metric]] = {
    # offhook streams
    "offhook_streams_ready": Metric("gauge", (), "1: in its group, all its partitions open"),
    "offhook_streams_partitions": Metric("gauge", ("stage",), "partitions that this worker owns"),
    "offhook_streams_lag": Metric(
        "gauge", ("stage", "topic", "partition"), "offsets of an input beyond what is applied"
    ),
    "offhook_streams_waiting": Metric("gauge", _PART, "events queued or in hand"),
    "offhook_streams_steps": Metric("counter", _PART, "steps committed, each one transaction"),
    "offhook_streams_events": Metric("counter", _PART, "events applied"),
    "offhook_streams_facts": Metric("counter", _PART, "records written for others"),
    "offhook_streams_step_seconds": Metric("counter", _PART, "time in the stage and encoding its facts"),
    "offhook_streams_commit_seconds": Metric("counter", _PART, "time in transactions"),
    "offhook_streams_checkpoints": Metric("counter", _PART, "times the changed state was saved"),
    "offhook_streams_checkpoint_bytes": Metric("counter", _PART, "octets of changed state saved"),
    "offhook_streams_opened": Metric("counter", _PART, "times a partition was opened"),
    "offhook_streams_replayed": Metric("counter", _PART, "events taken again on opening"),
    "offhook_streams_replay_differs": Metric(
        "counter", _PART, "steps that gave other facts when taken again"
    ),
    "offhook_streams_dead_letters": Metric("counter", _PART, "events that could not be read"),
    "offhook_streams_expired": Metric("counter", _PART, "offsets forgotten before they were read"),
    "offhook_streams_discards": Metric(
        "counter", ("stage", "reason"), "what stages discarded, evicted or repaired, by reason"
    ),
    "offhook_channels_in_use": Metric("gauge", ("account",), "channels taken: calls in progress"),
    "offhook_channels_max": Metric("gauge", (), "channels an account may take; 0 no limit"),
    "offhook_streams_beat_age_seconds": Metric("gauge", (), "since the worker's event loop last ran"),
    # offhook capture
    "offhook_capture_ready": Metric("gauge", (), "1: Kafka takes what it hears, its interfaces are up"),
    "offhook_capture_packets": Metric("counter", (), "packets captured"),
    "offhook_capture_bytes": Metric("counter", (), "octets captured"),
    "offhook_capture_kinds": Metric("counter", ("kind",), "packets by what they are"),
    "offhook_capture_drops": Metric("counter", ("reason",), "what was lost or left out, by reason"),
    "offhook_capture_interface_packets": Metric("counter", ("interface",), "packets read of an interface"),
    "offhook_capture_interface_drops": Metric(
        "counter", ("interface", "reason"), "packets of an interface that were lost before they were read"
    ),
    "offhook_capture_records": Metric("counter", (), "records that Kafka has acknowledged"),
    "offhook_capture_unsent_bytes": Metric("gauge", (), "octets that Kafka has not acknowledged"),
    "offhook_capture_waited_seconds": Metric("counter", (), "time the capture stood still because of Kafka"),
    "offhook_capture_clock_seconds": Metric("gauge", (), "packet time captured up to, since the epoch"),
    "offhook_capture_behind_seconds": Metric("gauge", (), "how far publishing is behind the pace asked for"),
    # offhook sink, and the sink of offhook up
    "offhook_sink_ready": Metric("gauge", (), "1 when rows are being delivered"),
    "offhook_sink_rows": Metric("counter", ("table",), "rows written"),
    "offhook_sink_refused": Metric("counter", ("table",), "rows that the store refused"),
    "offhook_sink_batches": Metric("counter", (), "batches written"),
    "offhook_sink_failures": Metric("counter", (), "batches that the store did not take"),
    "offhook_sink_insert_seconds": Metric("counter", (), "time in writing"),
    "offhook_sink_insert_age_seconds": Metric("gauge", (), "since the last batch was written"),
    "offhook_sink_undescribed": Metric("counter", (), "window rows of streams that nobody described"),
    "offhook_sink_retries": Metric("counter", (), "times it went back to what is committed"),
    "offhook_sink_dead_letters": Metric("counter", (), "records set aside in dead.letters"),
    "offhook_sink_expired": Metric("counter", (), "offsets forgotten by the log before they were read"),
    "offhook_sink_lag": Metric("gauge", ("topic", "partition"), "offsets of a topic that are not read yet"),
    # offhook up
    "offhook_up_checkpoints": Metric("counter", (), "times the stages' state, facts and offsets were saved"),
    "offhook_up_checkpoint_seconds": Metric("counter", (), "time in saving them"),
    "offhook_up_checkpoint_bytes": Metric("counter", (), "octets of changed state saved"),
    "offhook_up_discards": Metric("counter", ("reason",), "what stages discarded or evicted, by reason"),
    "offhook_up_log_bytes": Metric("gauge", (), "size of the log's file"),
    "offhook_up_expired": Metric("counter", (), "records that grew too old before all had read them"),
}
"""By name. A process shows those that it has."""


class Sample(NamedTuple):
    """One value; `labels` in the order of the metric's."""

    name: str
    labels: tuple[str, ...]
    value: float


Samples = Callable[[], Iterable[Sample]]


class _Collector:
    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def collect(self) -> Iterable[Family]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for sample in self._samples():
            family = families.get(sample.name)
            if family is None:
                metric = METRICS[sample.name]
                make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                family = families[sample.name] = make(sample.name, metric.meaning, labels=metric.labels)
            family.add_metric(sample.labels, sample.value)
        return families.values()

    def describe(self) -> Iterable[Family]:
        """Nothing: values are asked for when somebody looks."""
        return ()


class Exposition:
    """Metrics of this process in Prometheus' text format."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self, samples: Samples) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(samples))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def text(self) -> bytes:
        """All of them, now."""
        return generate_latest(self._registry)
