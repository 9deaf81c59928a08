"""Partition numbers are spread evenly over shards, whole, and move no more than they must."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.sources.spread import even_shares

MEMBERS = st.sets(st.sampled_from("abcdefg"), min_size=1)


@given(st.integers(0, 40), MEMBERS, MEMBERS)
def test_shares_are_even_whole_and_sticky(count: int, before: set[str], after: set[str]) -> None:
    numbers = range(count)
    first = even_shares(numbers, dict.fromkeys(before, ()))
    held = {member: first.get(member, []) for member in after}
    second = even_shares(numbers, held)
    for shares in (first, second):
        assert sorted(n for share in shares.values() for n in share) == list(numbers)
        sizes = [len(share) for share in shares.values()]
        assert max(sizes) - min(sizes) <= 1
    if before == after:
        assert second == first
    if before <= after:  # only what the newcomers take moves
        moved = sum(len(second[member]) for member in after - before)
        assert sum(len(set(first[m]) - set(second[m])) for m in before) == moved
    if after <= before:  # nobody loses anything
        assert all(set(first[member]) <= set(second[member]) for member in after)


def test_a_number_that_two_members_claim_goes_to_one() -> None:
    shares = even_shares([0, 1, 2, 3], {"a": [0, 1], "b": [1, 0]})
    assert shares == {"a": [0, 1], "b": [2, 3]}
