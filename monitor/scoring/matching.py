"""Which alarm is right: the matching rules, the same for the monitor and for the baselines.

1. **Alarm.** An incident is one alarm: its first change at the severity asked for or a worse one.
   Later changes of the same incident count for nothing.
2. **Window.** An event (and a decoy) has the window from its onset to its end plus `grace_s`:
   labels end when the making of it ends, and what follows from it goes on a little.
3. **Place.** An alarm and an event meet in place if the alarm names a symbol of the event or the
   whole venue, or if the event covers at least the share `wide` of the log's symbols.
4. **Fit.** An alarm fits an event if its time lies in the event's window and they meet in place.
   An incident that was open before the onset fits only if the onset that the alarm states is no
   earlier than the event's onset less `tolerance_s`: else it tells of something older.
5. **One for one.** Alarms are taken in order of time. An alarm goes to the fitting event with the
   earliest onset that has none yet, and is *right*: the event is found. Where all fitting events
   have theirs, it is a *repeat*: neither right nor wrong.
6. **Wrong.** Every other alarm is wrong, for the first reason that holds: *gap*, its time lies in a
   labelled gap of the feed (this comes before all fits: in a gap nothing can be seen); *decoy*, in
   the window of a decoy; *misplaced*, in the window of an event that it does not fit; else *quiet*.
7. **Times.** Delay is the time of the right alarm less the onset. Lead is the event's first forced
   wave less the time of the right alarm: negative where it came too late. A labelled wave that
   comes after the event's window is not taken for its own.
8. **Warm-up is no excuse.** An event that begins while the monitor has no opinion yet is an event
   like any other. Coverage says how much of the venue's time the monitor had an opinion in.
9. **Exposure.** Quiet time is covered time outside of all windows and gaps. Wrong alarms a week are
   those with the reason *quiet* over that time: the others depend on how many decoys, gaps and
   events the logs have, so they are counted, and are part of the share of alarms that were wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import Struct

from monitor.events import NS_PER_S
from monitor.labels import LabelledEvent, Labels
from monitor.scoring.alarm import WHOLE_VENUE, Alarm
from monitor.scoring.spans import Span, holds

Reason = Literal["quiet", "decoy", "misplaced", "gap"]
Ruling = Literal["right", "repeat"] | Reason
REASONS: Final[tuple[Reason, ...]] = ("quiet", "decoy", "misplaced", "gap")


class Rules(Struct, frozen=True, kw_only=True):
    """The numbers in the rules above. wide: a share between 0 and 1."""

    grace_s: float = 60.0
    tolerance_s: float = 30.0
    wide: float = 0.5

    def window(self, event: LabelledEvent) -> Span:
        """When an alarm may be about the event."""
        return event.onset_ns, event.end_ns + round(self.grace_s * NS_PER_S)

    def wave_ns(self, event: LabelledEvent) -> int | None:
        """The first forced wave that is the event's own."""
        wave_ns = event.first_forced_wave_ns
        return None if wave_ns is None or wave_ns >= self.window(event)[1] else wave_ns


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of all alarms on one log.

    rulings: one an alarm. found: the right alarm of each labelled event or None, in the order of
    the labels; for a decoy the first wrong alarm that met it in time and place.
    """

    rulings: Sequence[Ruling]
    found: Sequence[Alarm | None]


def match(alarms: Sequence[Alarm], labels: Labels, rules: Rules) -> Matched:
    """Judge alarms, given in order of time, by the rules."""
    found: list[Alarm | None] = [None] * len(labels.events)
    by_onset = sorted(range(len(found)), key=lambda i: labels.events[i].onset_ns)
    rulings: list[Ruling] = []
    for alarm in alarms:
        fits = [i for i in by_onset if _fits(alarm, labels.events[i], labels, rules)]
        real = [i for i in fits if not labels.events[i].decoy]
        ruling = _ruling(alarm, [found[i] for i in real], labels, rules)
        rulings.append(ruling)
        if ruling == "right":
            found[next(i for i in real if found[i] is None)] = alarm
        elif ruling == "decoy":
            for i in fits:
                found[i] = found[i] or alarm
    return Matched(rulings, found)


def _fits(alarm: Alarm, event: LabelledEvent, labels: Labels, rules: Rules) -> bool:
    if not holds((rules.window(event),), alarm.at_ns):
        return False
    older = alarm.opened_ns < event.onset_ns
    if older and alarm.onset_ns < event.onset_ns - round(rules.tolerance_s * NS_PER_S):
        return False
    wide = len(event.symbols) >= rules.wide * len(labels.symbols)
    return wide or not alarm.symbols.isdisjoint(WHOLE_VENUE.union(event.symbols))


def _ruling(
    alarm: Alarm, of_fitting: Sequence[Alarm | None], labels: Labels, rules: Rules
) -> Ruling:
    """of_fitting: the right alarm, or None, of every real event that the alarm fits."""
    if holds(labels.gaps, alarm.at_ns):
        return "gap"
    if of_fitting:
        return "right" if None in of_fitting else "repeat"
    windows = [(event.decoy, rules.window(event)) for event in labels.events]
    if holds((window for decoy, window in windows if decoy), alarm.at_ns):
        return "decoy"
    return "misplaced" if holds((window for _, window in windows), alarm.at_ns) else "quiet"
