"""Rejects by hand: one client that hammers, one that pauses, many that a limit has caught."""

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.columns import Interner
from monitor.events import Kind
from monitor.keys import packed
from monitor.retries import note

STREAM = packed(Kind.REJECT, 5)
OTHER = packed(Kind.ORDER, 5)
ACCOUNTS = Interner(["", "bot", *(f"trader-{i}" for i in range(40))])


def bins(*accounts: list[int]) -> list[NDArray[np.int64]]:
    """Keys of bins: rejects of these accounts, and an order of the bot's in each."""
    return [np.array([STREAM | code for code in held] + [OTHER | 1]) for held in accounts]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([[1, 1, 3]] * 20, "bot tries again without backing off"),
        (
            [[1, 1, 1] if i % 4 == 0 else [] for i in range(20)],
            "bot was refused again and again, with pauses",
        ),
        (
            [[2 + i, 3 + i] for i in range(20)],
            "21 accounts were refused: a limit may have been tightened",
        ),
        ([[1, 1]] * 3, None),
        ([[]] * 20, None),
    ],
)
def test_rejects_are_told_apart_by_spacing_and_breadth(
    held: list[list[int]], said: str | None
) -> None:
    assert note(bins(*held), np.array([STREAM]), ACCOUNTS) == said
