"""Everything that can be set, with its default, its bounds and its meaning."""

import math
import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from detectors.options import BurstOptions
from monitor.events import NS_PER_S
from monitor.incidents import DeskOptions
from monitor.links import check_link
from monitor.schema import TopicMapping

Positive = Annotated[float, Meta(gt=0, le=1e9)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Count = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]

WEEK_S = 604_800.0
COUNTED = ("order_burst", "cancel_burst", "leverage_burst", "liquidation_burst", "reject_storm")


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration file."""


class Kafka(Section, frozen=True, kw_only=True):
    """Where events come from; the security settings go to the client as they are.

    optional_topics: read as well where the brokers have them; looked for as a consumer starts.
    start: where to read a partition that has neither checkpoint nor committed offset; "recent" is
    rewarm_s before now.
    rewarm_s: how much is read again, to learn what is usual, where there is no state to go on from.
    isolation_level: "read_committed" leaves out events of transactions that were aborted.
    idle_after_s: a partition that is read to its end and silent this long is not waited for.
    run_ahead_s: a partition this far ahead of the slowest is paused.
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    group_id: Annotated[str, Meta(min_length=1)] = "foreshock"
    client_id: str = "foreshock"
    topics: list[str] = field(default_factory=lambda: ["orders", "cancels", "leverage-changes"])
    optional_topics: list[str] = field(default_factory=lambda: ["market"])
    start: Literal["recent", "earliest", "latest"] = "recent"
    rewarm_s: Seconds = 1_800.0
    isolation_level: Literal["read_committed", "read_uncommitted"] = "read_committed"
    idle_after_s: Positive = 5.0
    run_ahead_s: Positive = 30.0
    poll_records_max: Count = 20_000
    session_timeout_s: Positive = 30.0
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_password: str | None = None
    ssl_check_hostname: bool = True

    def __post_init__(self) -> None:
        for server in self.bootstrap_servers.split(","):
            port = re.search(r"[^:\]]:([^:\]]*)$|\]:(.*)$", server.strip())
            if not server.strip() or (port and not (port[1] or port[2] or "").isdecimal()):
                raise ValueError(f"bootstrap_servers: {server.strip()!r} is no host:port")


class Scale(Section, frozen=True, kw_only=True):
    """One process does all, or several share the work through a topic of counted bins.

    role: "shard" reads events of its share of the partition numbers and publishes closed bins;
    "detection" reads these of all shards and judges them.
    frames_topic: has as many partitions as the topics of events.
    """

    role: Literal["all", "shard", "detection"] = "all"
    frames_topic: Annotated[str, Meta(min_length=1)] = "foreshock-frames"


class Input(Section, frozen=True, kw_only=True):
    """How events are judged before they count.

    lateness_s: how far behind its partition's clock an event may be.
    future_s: how far ahead of its broker timestamp (in a plain log: of its neighbours).
    silence_s: a venue without any event for this long is silent, not quiet.
    positions_max: positions that are kept; changes of others are counted and passed over.
    """

    lateness_s: Seconds = 2.0
    future_s: Annotated[float, Meta(ge=0.001, le=1e9)] = 60.0
    silence_s: Positive = 30.0
    record_bytes_max: Count = 1_048_576
    symbols_max: Annotated[int, Meta(ge=1, le=100_000)] = 10_000
    positions_max: Annotated[int, Meta(ge=1, le=10_000_000)] = 200_000

    @property
    def lateness_ns(self) -> int:
        return round(self.lateness_s * NS_PER_S)

    @property
    def future_ns(self) -> int:
        return round(self.future_s * NS_PER_S)


class Detectors(Section, frozen=True, kw_only=True):
    """Time constants of the detectors; `disabled` names signals to leave out.

    calibration: what `foreshock calibrate` wrote of this venue's quiet flow. Without it scores are
    too low for a day, until enough quiet flow was seen, so that the page budget is held meanwhile.
    """

    disabled: list[
        Literal[
            "order_burst",
            "cancel_burst",
            "leverage_burst",
            "liquidation_burst",
            "reject_storm",
            "market_wide",
            "drift",
            "thin_book",
            "thin_book_clustering",
            "leverage_shift",
            "liquidation_band",
            "cascade",
            "crowding",
            "index_lag",
            "mark_divergence",
            "feed_gap",
            "clock_skew",
        ]
    ] = field(default_factory=list)
    background_s: Positive = 600.0
    delay_s: Positive = 20.0
    warm_up_s: Positive = 20.0
    rebaseline_s: Positive = 300.0
    calibration: str | None = None

    def __post_init__(self) -> None:
        if not set(COUNTED) - set(self.disabled):
            raise ValueError(f"disabled: one of {', '.join(COUNTED)} must stay")


class Incidents(Section, frozen=True, kw_only=True):
    """What false alarms may cost, and how incidents open, grow and close.

    page_budget_per_week, warnings_per_day, infos_per_hour: wrong ones, per venue.
    join_s: anomalies that begin this near each other are one incident.
    lead_s: linked anomalies this far apart may have led up to one another, when an onset is told.
    calm_s: a page that has been below that for so long takes in no new one; what is linked to it
    and would page is another incident.
    hold_s: quiet time before an incident closes. update_s: least time between small updates.
    """

    page_budget_per_week: Positive = 1.0
    warnings_per_day: Positive = 1.0
    infos_per_hour: Positive = 1.0
    join_s: Seconds = 60.0
    lead_s: Seconds = 120.0
    calm_s: Seconds = 600.0
    hold_s: Positive = 15.0
    update_s: Positive = 10.0


class Checkpoint(Section, frozen=True, kw_only=True):
    """Where state is kept between runs; no directory, no checkpoints."""

    directory: str | None = "foreshock-state"
    every_s: Positive = 10.0


class Http(Section, frozen=True, kw_only=True):
    """The address of /metrics, /healthz, /readyz and /incidents; port 0 picks a free one.

    grafana_url, runbook_url: where the page of an incident links to; none, no link. In them stand
    {id}, {signal}, {symbol}, {from_ms}, {to_ms}: of the incident, the loudest first.
    """

    host: str = "127.0.0.1"
    port: Port = 9108
    scores_per_signal_max: Count = 20
    grafana_url: str | None = None
    runbook_url: str | None = None

    def __post_init__(self) -> None:
        for key, url in (("grafana_url", self.grafana_url), ("runbook_url", self.runbook_url)):
            if url is not None:
                check_link(key, url)


class Output(Section, frozen=True, kw_only=True):
    """Where incidents go besides metrics, and what becomes of bad records.

    audit_log: a file of JSON lines. alerts_topic, dead_letter_topic: Kafka topics.
    dead_letter_file: JSON lines with the origin of every bad record.
    """

    audit_log: str | None = None
    alerts_topic: str | None = None
    dead_letter_file: str | None = None
    dead_letter_topic: str | None = None
    queue_max: Count = 10_000


class Config(Section, frozen=True, kw_only=True):
    """The whole configuration; every value has a default."""

    venue: Annotated[str, Meta(min_length=1, max_length=64)] = "venue"
    bin_ms: Annotated[int, Meta(ge=10, le=10_000)] = 250
    kafka: Kafka = field(default_factory=Kafka)
    scale: Scale = field(default_factory=Scale)
    input: Input = field(default_factory=Input)
    topics: dict[str, TopicMapping] = field(default_factory=dict)
    detectors: Detectors = field(default_factory=Detectors)
    incidents: Incidents = field(default_factory=Incidents)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    http: Http = field(default_factory=Http)
    output: Output = field(default_factory=Output)

    @property
    def bin_ns(self) -> int:
        return self.bin_ms * 1_000_000

    @property
    def silence_bins(self) -> int:
        return max(1, round(self.input.silence_s * NS_PER_S / self.bin_ns))

    @property
    def all_topics(self) -> list[str]:
        """Topics to subscribe to: those listed and those mapped."""
        return list(dict.fromkeys([*self.kafka.topics, *self.topics]))

    @property
    def optional_topics(self) -> list[str]:
        """Topics to subscribe to as well, where the brokers have them."""
        if self.scale.role == "detection":
            return []
        return [topic for topic in self.kafka.optional_topics if topic not in self.all_topics]

    @property
    def input_topics(self) -> list[str]:
        """What a process of this role reads."""
        return [self.scale.frames_topic] if self.scale.role == "detection" else self.all_topics

    @property
    def group(self) -> Kafka:
        """The cluster, with the consumer group of this role."""
        if self.scale.role != "detection":
            return self.kafka
        return replace(self.kafka, group_id=f"{self.kafka.group_id}-detection")

    def burst_options(self) -> BurstOptions:
        """What the detectors are built with."""
        d = self.detectors
        return BurstOptions(
            bin_ns=self.bin_ns,
            background_s=d.background_s,
            delay_s=d.delay_s,
            warm_up_s=d.warm_up_s,
            rebaseline_s=d.rebaseline_s,
            lateness_s=self.input.lateness_s,
        )

    def desk_options(self) -> DeskOptions:
        """What the incident desk is built with: rates of wrong alarms as decades of bins."""
        i = self.incidents
        bins_per_s = NS_PER_S / self.bin_ns
        return DeskOptions(
            info=math.log10(3_600.0 * bins_per_s / i.infos_per_hour),
            warning=math.log10(86_400.0 * bins_per_s / i.warnings_per_day),
            page=math.log10(WEEK_S * bins_per_s / i.page_budget_per_week),
            join_bins=round(i.join_s * bins_per_s),
            lead_bins=round(i.lead_s * bins_per_s),
            calm_bins=round(i.calm_s * bins_per_s),
            hold_bins=max(1, round(i.hold_s * bins_per_s)),
            update_bins=max(1, round(i.update_s * bins_per_s)),
        )
