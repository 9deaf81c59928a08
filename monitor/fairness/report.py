"""The verdict: over all, by wave, symbol and account, with the worst cases, and what is unknown."""

from collections.abc import Callable

import numpy as np

from detectors.base import Bools, Floats, Ints
from monitor.events import NS_PER_S
from monitor.fairness.gather import KIND_NAMES, Gatherer
from monitor.fairness.marks import Marks
from monitor.fairness.options import FairnessOptions
from monitor.fairness.order import Order, order
from monitor.fairness.overshoot import Overshoot, overshoot
from monitor.fairness.trail import Trail, follow
from monitor.fairness.unknown import unknown
from monitor.fairness.verdict import LISTED_MAX, Cut, Fairness, Group, Violation


def judge(seen: Gatherer, options: FairnessOptions) -> Fairness:
    """Judge what was gathered from a log."""
    marks = Marks(
        seen.marks.ints("ts"),
        seen.marks.ints("symbol"),
        seen.marks.floats("mark"),
        age_ns=round(options.mark_age_s * NS_PER_S),
    )
    return _Judge(seen, follow(seen, marks, options), marks, options).verdict()


class _Judge:
    def __init__(
        self, seen: Gatherer, trail: Trail, marks: Marks, options: FairnessOptions
    ) -> None:
        self._seen, self._trail, self._options = seen, trail, options
        gap = np.diff(trail.ts, prepend=trail.ts[:1]) > options.wave_gap_s * NS_PER_S
        self._wave: Ints = np.cumsum(gap, dtype=np.int64)
        self._over: Overshoot = overshoot(trail, options)
        self._order: Order = order(trail, self._wave, marks, options)
        self._violates = np.zeros(trail.ts.size, np.bool_)
        self._violates[self._order.first] = True
        self._value = trail.notional
        self._price = self._value / np.where(trail.qty > 0.0, trail.qty, 1.0)
        self._paid_qty, self._paid, self._paid_mark = self._paid_prices()
        self._symbols, self._accounts = seen.symbols.names, seen.accounts.names

    def _paid_prices(self) -> tuple[Floats, Floats, Floats]:
        """(n,) quantity that traded, its value, and its value at the mark: of fills, or where the
        log tells of none, of the forced order's own price; always that when deleveraging."""
        t = self._trail
        own = t.adl if t.filled else np.ones(t.ts.size, np.bool_)
        own = own & (t.price > 0.0)
        qty = np.where(own, t.qty, t.paid_qty)
        paid = np.where(own, t.qty * t.price, t.paid)
        return qty, paid, np.where(own, t.qty * t.mark, t.paid_mark)

    def verdict(self) -> Fairness:
        t, some = self._trail, self._trail.ts.size > 0
        every = np.ones(t.ts.size, np.bool_)
        kinds = {
            name or "not told": int((t.kind == number).sum())
            for number, name in enumerate(KIND_NAMES)
        }
        return Fairness(
            events=self._seen.events,
            bad_records=self._seen.bad,
            fee_bps=self._options.fee_bps,
            wave_gap_s=self._options.wave_gap_s,
            total=self._group("all", every) if some else None,
            kinds={name: count for name, count in kinds.items() if count},
            doubtful_ratios=bool(self._over.early.sum() * 2 > self._over.told.sum()),
            wrong_size=int(self._over.wrong.sum()),
            waves_total=np.unique(self._wave).size,
            waves=self._groups(self._wave, lambda code: str(code + 1)),
            symbols=self._groups(t.symbol, self._symbols.__getitem__),
            accounts=self._groups(t.account, self._accounts.__getitem__),
            violations=self._violations(),
            cuts=self._cuts(),
            unknown=unknown(t, self._over, self._order, self._paid_qty, self._bps()[0]),
        )

    def _groups(self, codes: Ints, name: Callable[[int], str]) -> list[Group]:
        """The groups with the most value."""
        present, inverse = np.unique(codes, return_inverse=True)
        value = np.bincount(inverse, self._value, present.size)
        names = [name(code) for code in present.tolist()]
        ranked = sorted(range(present.size), key=lambda at: (-value[at], names[at]))
        return [self._group(names[at], inverse == at) for at in ranked[:LISTED_MAX]]

    def _group(self, name: str, mine: Bools) -> Group:
        t, value = self._trail, self._value
        who, inverse = np.unique(t.account[mine], return_inverse=True)
        by_account = np.bincount(inverse, value[mine], who.size)
        shares = by_account / max(float(by_account.sum()), 1e-300)
        top = min(range(who.size), key=lambda at: (-shares[at], self._accounts[who[at]]))
        judged = mine & self._over.judged
        beyond = self._over.beyond(t) * self._price
        added = np.minimum(self._over.needed, t.qty) - np.minimum(self._over.free, t.qty)
        bps, weight = self._bps()
        priced = mine & ~np.isnan(bps) & ~t.adl
        worst = int(np.where(priced, bps, -np.inf).argmax())
        fee, loss, known = self._costs()
        return Group(
            name=name,
            start_ns=int(t.ts[mine].min()),
            end_ns=int(t.ts[mine].max()),
            forced=int(mine.sum()),
            accounts=who.size,
            symbols=np.unique(t.symbol[mine]).size,
            liquidated=float(value[mine & ~t.adl].sum()),
            deleveraged=float(value[mine & t.adl].sum()),
            judged=float(value[judged].sum()),
            beyond=float(beyond[judged].sum()),
            early=int((mine & self._over.early).sum()),
            fee_added=float((added * self._price)[judged].sum()),
            cuts=int((mine & self._order.before).sum()),
            waits=int((mine & self._order.after).sum()),
            violations=int((mine & self._violates).sum()),
            top_account=self._accounts[who[top]],
            top_share=float(shares[top]),
            hhi=float(np.square(shares).sum()),
            priced=float(weight[priced].sum()),
            worse_bps=_average(bps, weight, priced),
            worst_bps=float(bps[worst]) if priced.any() else None,
            worst_account=self._accounts[t.account[worst]] if priced.any() else None,
            adl_bps=_average(bps, weight, mine & ~np.isnan(bps) & t.adl),
            fee=float(fee[mine].sum()),
            loss=float(loss[mine & known].sum()) if (mine & known).any() else None,
            loss_fee=float(fee[mine & known].sum()),
        )

    def _bps(self) -> tuple[Floats, Floats]:
        """(n,) how much worse than the mark was paid, and the value it was paid on."""
        sign = np.where(self._trail.side == 0, -1.0, 1.0)
        at_mark = np.where(self._paid_mark > 0.0, self._paid_mark, np.nan)
        worse = sign * (at_mark - self._paid) / at_mark * 1e4
        return np.asarray(worse), np.nan_to_num(at_mark)

    def _costs(self) -> tuple[Floats, Floats, Bools]:
        """(n,) fee on what traded, loss against entry, and where that is known; no ADL."""
        t = self._trail
        fee = np.where(t.adl, 0.0, self._paid * self._options.fee_rate)
        sign = np.where(t.side == 0, -1.0, 1.0)
        loss = sign * (t.entry * self._paid_qty - self._paid)
        return fee, loss, np.asarray(~np.isnan(loss) & (self._paid_qty > 0.0) & ~t.adl)

    def _violations(self) -> list[Violation]:
        t, o = self._trail, self._order
        told = [
            Violation(
                kind="adl" if t.adl[a] else "liquidation",
                wave=int(self._wave[a]) + 1,
                symbol=self._symbols[t.symbol[a]],
                at_ns=int(t.ts[a]),
                account=self._accounts[t.account[a]],
                safer=round(float(safer), 6),
                riskier_account=self._accounts[t.account[b]],
                riskier=round(float(riskier), 6),
                waited_s=(int(t.ts[b]) - int(t.ts[a])) / NS_PER_S,
            )
            for a, b, safer, riskier in zip(o.first, o.then, o.safer, o.riskier, strict=True)
        ]
        return sorted(told, key=lambda v: (-abs(v.riskier - v.safer), v.at_ns))[:LISTED_MAX]

    def _cuts(self) -> list[Cut]:
        t = self._trail
        beyond = self._over.beyond(t) * self._price
        worst = sorted(np.flatnonzero(beyond > 0.0).tolist(), key=lambda at: (-beyond[at], at))
        size = np.abs(t.position)
        return [
            Cut(
                wave=int(self._wave[at]) + 1,
                symbol=self._symbols[t.symbol[at]],
                at_ns=int(t.ts[at]),
                account=self._accounts[t.account[at]],
                cut_share=float(t.qty[at] / size[at]),
                needed_share=float(self._over.needed[at] / size[at]),
                beyond=float(beyond[at]),
            )
            for at in worst[:LISTED_MAX]
        ]


def _average(values: Floats, weights: Floats, some: Bools) -> float | None:
    """The mean of some values by weight, None where there are none."""
    return float(np.average(values[some], weights=weights[some])) if some.any() else None
