"""What the settings say of the controls: budget, calibration, detectors, state, the way in."""

from collections.abc import Iterator
from functools import partial
from pathlib import PurePath
from typing import Final

from msgspec import Struct

from detectors.registry import DETECTORS
from monitor.config import Config, Http, Incidents
from monitor.deployment.findings import Finding
from monitor.detection import QUIET_HOURS_MIN

PAGES_MAX: Final = 50.0  # wrong ones a week; seven a night are not looked at any more
PAGES_MIN: Final = 0.02  # one a year
CHECKPOINT_MAX_S: Final = 300.0
ALL_INTERFACES: Final = ("0.0.0.0", "::", "")  # noqa: S104 - named to be warned of

_finding = partial(Finding, area="controls")


class Taught(Struct, frozen=True, kw_only=True):
    """What the calibration file says of itself. simulated: learned from simulated logs."""

    quiet_hours: float
    simulated: bool


def controls(config: Config, taught: Taught | None) -> Iterator[Finding]:
    """Findings on what decides when to alarm. taught: of detectors.calibration, None without."""
    yield from _budget(config.incidents)
    yield _calibration(config, taught)
    yield from _detectors(config)
    yield from _checkpoint(config)
    yield from _http(config.http)


def _budget(incidents: Incidents) -> Iterator[Finding]:
    pages = incidents.page_budget_per_week
    what = f"incidents.page_budget_per_week = {pages:g}"
    change = "incidents.page_budget_per_week = 1.0"
    if pages > PAGES_MAX:
        yield _finding(
            level="warning",
            what=what,
            why=f"{pages / 7:.0f} wrong pages a day are as good as none: nobody looks any more.",
            change=change,
        )
    elif pages < PAGES_MIN:
        yield _finding(
            level="warning",
            what=what,
            why="That is less than one wrong page a year: it asks for a rarity that no amount of "
            "quiet flow has shown, and leaves only the loudest events.",
            change=change,
        )
    elif pages == Incidents().page_budget_per_week:
        yield _finding(
            level="note",
            what=f"{what}, as it comes",
            why="How many wrong pages a desk can bear is the desk's to say; more of them buy "
            "earlier ones.",
            change=f"{what}  # or what the desk agreed to",
        )
    else:
        yield _finding(level="ok", what=what)
    if pages > 7.0 * incidents.warnings_per_day:
        yield _finding(
            level="warning",
            what=f"{what}, incidents.warnings_per_day = {incidents.warnings_per_day:g}",
            why="Pages are cheaper than warnings, so nothing is ever only a warning.",
            change=f"incidents.warnings_per_day = {pages:g}",
        )


def _calibration(config: Config, taught: Taught | None) -> Finding:
    if taught is None:
        return _finding(
            level="warning",
            what="detectors.calibration is not set",
            why="Without it scores are held down for the first day, also after every change of "
            "bin or detectors: weaker events are missed meanwhile.",
            change='detectors.calibration = "quiet.json"  # from foreshock calibrate LOG… -o',
        )
    what = f'detectors.calibration = "{config.detectors.calibration}"'
    if taught.simulated:
        return _finding(
            level="warning",
            what=f"{what}, learned from simulated logs",
            why="The simulated venue is quiet in its own way, and the page budget holds for that.",
            change=f"foreshock calibrate LOG… -o {config.detectors.calibration}",
        )
    if taught.quiet_hours < QUIET_HOURS_MIN:
        return _finding(
            level="warning",
            what=f"{what}, {taught.quiet_hours:.1f} hours of quiet flow",
            why="Below a day the rarity of a page is not known, and scores are held down.",
            change=f"foreshock calibrate LOG… -o {config.detectors.calibration}",
        )
    return _finding(level="ok", what=f"{what}, {taught.quiet_hours:.0f} hours of quiet flow")


def _detectors(config: Config) -> Iterator[Finding]:
    off = list(config.detectors.disabled)
    known = {name.partition(".")[0] for name in DETECTORS}
    bursts = {"order_burst", "cancel_burst", "leverage_burst"}  # of what every venue sends
    if not off:
        yield _finding(level="ok", what=f"all {len(known)} signals are on")
        return
    yield _finding(
        level="critical" if bursts <= set(off) else "warning",
        what=f"detectors.disabled: {', '.join(off)}",
        why="Nothing counts single streams any more."
        if bursts <= set(off)
        else "What is off neither alarms nor adds to what others see.",
        change="detectors.disabled = []",
    )


def _checkpoint(config: Config) -> Iterator[Finding]:
    folder = config.checkpoint.directory
    if folder is None:
        yield _finding(
            level="warning",
            what="checkpoint.directory is not set",
            why="After every restart what is usual is learned again, from the last "
            f"{config.kafka.rewarm_s / 60:g} minutes alone.",
            change='checkpoint.directory = "/var/lib/foreshock"',
        )
        return
    if not PurePath(folder).is_absolute():
        yield _finding(
            level="note",
            what=f'checkpoint.directory = "{folder}", a relative path',
            why="It is found from one working directory only, and a standby needs the same folder.",
            change='checkpoint.directory = "/var/lib/foreshock"',
        )
    else:
        yield _finding(level="ok", what=f'checkpoint.directory = "{folder}"')
    if config.checkpoint.every_s > CHECKPOINT_MAX_S:
        yield _finding(
            level="warning",
            what=f"checkpoint.every_s = {config.checkpoint.every_s:g}",
            why="That much is read again after a crash, and alarms wait until it is.",
            change="checkpoint.every_s = 10.0",
        )


def _http(http: Http) -> Iterator[Finding]:
    what = f'http.host = "{http.host}"'
    if http.host in ALL_INTERFACES:
        yield _finding(
            level="warning",
            what=f"{what}, all interfaces",
            why="/incidents names accounts and asks nobody for a password.",
            change='http.host = "127.0.0.1"  # or the address that Prometheus scrapes',
        )
    elif http.host.startswith("127.") or http.host in ("localhost", "::1"):
        yield _finding(
            level="note",
            what=f"{what}, this machine only",
            why="A Prometheus elsewhere cannot scrape it.",
            change='http.host = "10.0.0.5"  # the address that Prometheus scrapes, if elsewhere',
        )
    else:
        yield _finding(level="ok", what=what)
    if http.port == 0:
        yield _finding(
            level="warning",
            what="http.port = 0",
            why="Another port at every start: nothing can scrape it, and no watchdog sees that "
            "the monitor is gone.",
            change="http.port = 9108",
        )
    yield _finding(
        level="unchecked",
        what="whether anybody watches the monitor",
        why="A monitor that is down, or stands still, sends no alarm of its own.",
        change="alert where `up` is absent or 0, or time() - "
        "foreshock_watermark_timestamp_seconds grows",
    )
