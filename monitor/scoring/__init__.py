"""Scores: what the monitor says of labelled logs, against what happened, beside two baselines.

folder.py, plan.py   where labelled logs come from
purpose.py           tuning and scoring seeds never meet
watch.py             one log through the monitor: alarms, coverage, prices
matching.py          which alarm is right: the rules
at_random.py, price_only.py   the baselines
scorecard.py, table.py        the figures, as JSON and in 80 columns
"""
