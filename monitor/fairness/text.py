"""An audit of fairness as text of 80 columns: the verdict in sentences, then tables."""

import io
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from monitor.events import NS_PER_S
from monitor.fairness.verdict import Fairness, Group
from monitor.pretty import WIDTH, clock, duration

SHOWN: Final = 10
NONE: Final = "–"
WAVES_NOTE: Final = """\
forced: orders; accts: accounts; value: cut, quote currency; adl: share of it
auto-deleveraged; beyond: share of what could be judged that went beyond what
restored margin; order: came before a riskier account; bps: liquidations,
worse than the mark, by value; top: share of the account hit most."""


def fairness_text(audit: Fairness) -> str:
    """Sentences, tables of waves, symbols and accounts, the worst cases, and what is not known."""
    total = audit.total
    head = f"{audit.events:,} events, {audit.bad_records:,} bad"
    if total is None:
        return f"{head}: no liquidation in these logs, so there is nothing to judge."
    opening = (
        f"{head}; {total.forced:,} forced orders ({_kinds(audit)}) of {total.accounts:,} accounts "
        f"on {total.symbols:,} symbols, {_value(total.liquidated + total.deleveraged)} in "
        f"{audit.waves_total:,} waves"
    )
    parts = [
        opening,
        *_verdicts(audit, total),
        "",
        _groups("wave", audit.waves),
        WAVES_NOTE,
        "",
        _groups("symbol", audit.symbols),
        "",
        _groups("account", audit.accounts),
    ]
    parts += _violations(audit)
    parts += _cuts(audit)
    parts += _unknown(audit)
    return "\n".join("\n".join(textwrap.wrap(p, WIDTH)) if "\n" not in p else p for p in parts)


def _kinds(audit: Fairness) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in audit.kinds.items())


def _verdicts(audit: Fairness, total: Group) -> Iterator[str]:
    yield _overshoot(total)
    if audit.doubtful_ratios:
        yield (
            "BEWARE: most margin ratios are below 1. They are read as maintenance margin over "
            "equity; where the venue means the inverse, overshoot and order below are wrong."
        )
    if audit.wrong_size:
        yield f"size: {audit.wrong_size:,} did not reduce the position, or took more than it."
    yield _order(total)
    yield (
        f"concentration: {total.top_account} bore {total.top_share:.1%} of it; HHI "
        f"{total.hhi:.4f}, as if {1 / total.hhi:.0f} accounts had borne equal shares."
    )
    yield _price(total)
    yield from _fee(audit, total)


def _overshoot(total: Group) -> str:
    if total.judged <= 0.0:
        return "overshoot: cannot be judged."
    early = f"; {total.early:,} were cut while margin still sufficed" if total.early else ""
    return (
        f"overshoot: of {_value(total.judged)} that could be judged, {_value(total.beyond)} "
        f"({total.beyond / total.judged:.1%}) went beyond what restored margin{early}."
    )


def _order(total: Group) -> str:
    if total.cuts == 0 or total.waits == 0:
        return "order: cannot be judged."
    compared = f"{total.waits:,} whose waiting can be judged"
    if total.violations == 0:
        return (
            f"order: fair, as far as can be judged: none of {total.cuts:,} forced orders came "
            f"before a riskier account's, of {compared}."
        )
    return (
        f"order: UNFAIR: {total.violations:,} of {total.cuts:,} forced orders came before a "
        f"riskier account's, of {compared}; the worst are below."
    )


def _price(total: Group) -> str:
    parts = []
    if total.worse_bps is not None and total.worst_bps is not None:
        parts.append(
            f"{_value(total.priced)} of liquidations paid {total.worse_bps:.1f} bps worse than "
            f"the mark by value, {total.worst_bps:.1f} at worst ({total.worst_account})"
        )
    if total.adl_bps is not None:
        parts.append(f"auto-deleveraging {total.adl_bps:.1f} bps")
    return f"price: {'; '.join(parts) or 'cannot be judged'}."


def _fee(audit: Fairness, total: Group) -> Iterator[str]:
    if audit.fee_bps == 0.0:
        yield "fee: not given; --fee-bps says what the venue takes."
        return
    text = f"fee: {audit.fee_bps:g} bps came to {_value(total.fee)}"
    if total.loss is not None and total.loss + total.loss_fee > 0.0:
        share = total.loss_fee / (total.loss + total.loss_fee)
        text += f", {share:.1%} of what was lost where the entry is known"
    if total.judged > 0.0:
        text += (
            f". Of the cuts {_value(total.fee_added)} "
            f"({total.fee_added / total.judged:.1%} of what could be judged) was for it alone"
        )
    yield text + "."


def _groups(head: str, groups: Sequence[Group]) -> str:
    heads = [head, "from", "lasted", "forced", "accts", "value", "adl", "beyond", "order", "bps"]
    rows = [
        [
            group.name,
            clock(group.start_ns)[:8],
            duration((group.end_ns - group.start_ns) / NS_PER_S),
            f"{group.forced:,}",
            f"{group.accounts:,}",
            _value(group.liquidated + group.deleveraged),
            _share(group.deleveraged, group.liquidated + group.deleveraged),
            _share(group.beyond, group.judged),
            f"{group.violations:,}" if group.cuts else NONE,
            NONE if group.worse_bps is None else f"{round(group.worse_bps)}",
            f"{group.top_share:.0%}",
        ]
        for group in groups[:SHOWN]
    ]
    if head == "account":
        rows = [row[:4] + row[5:-1] for row in rows]
        heads.remove("accts")
    else:
        heads.append("top")
    return _grid(heads, rows) + _more(len(groups))


def _violations(audit: Fairness) -> list[str]:
    if not audit.violations:
        return []
    rows = [
        [
            str(v.wave),
            v.symbol,
            clock(v.at_ns)[:8],
            v.account,
            f"{v.safer:.2f}",
            v.riskier_account,
            f"{v.riskier:.2f}",
            f"{v.waited_s:.1f} s",
        ]
        for v in audit.violations[:SHOWN]
    ]
    heads = ["wave", "symbol", "at", "was cut", "at", "before", "at", "by"]
    note = (
        "\nsafer accounts that were cut before riskier ones. at: equity over maintenance\n"
        "margin; for auto-deleveraging the place in the queue, where more comes first."
    )
    return ["", _grid(heads, rows) + _more(len(audit.violations)) + note]


def _cuts(audit: Fairness) -> list[str]:
    if not audit.cuts:
        return []
    rows = [
        [
            str(cut.wave),
            cut.symbol,
            clock(cut.at_ns)[:8],
            cut.account,
            f"{cut.cut_share:.0%}",
            f"{cut.needed_share:.0%}",
            _value(cut.beyond),
        ]
        for cut in audit.cuts[:SHOWN]
    ]
    heads = ["wave", "symbol", "at", "account", "cut", "needed", "beyond"]
    note = "\nthe largest overshoots; cut and needed are shares of the position."
    return ["", _grid(heads, rows) + _more(len(audit.cuts)) + note]


def _unknown(audit: Fairness) -> list[str]:
    lines = [f"{u.count:,} of {u.of:,} {u.what}" for u in audit.unknown]
    return ["", "What could not be judged:", *lines] if lines else []


def _more(count: int) -> str:
    return f"\nand {count - SHOWN:,} more in --json" if count > SHOWN else ""


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole > 0.0 else NONE


def _value(value: float) -> str:
    """Three digits that matter."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns; names are cut where they would not fit."""
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="")
    for number, head in enumerate(heads):
        name = number == 0 or head in ("symbol", "account", "was cut", "before")
        grid.add_column(
            head,
            justify="left" if name else "right",
            no_wrap=True,
            overflow="ellipsis",
            max_width=14 if name else None,
            min_width=None if name else max(len(head), *(len(row[number]) for row in rows)),
        )
    for row in rows:
        grid.add_row(*row)
    text = io.StringIO()
    Console(file=text, width=WIDTH, color_system=None, highlight=False, markup=False).print(grid)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
