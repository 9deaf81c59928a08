"""The mixture over streams, against its formula."""

import numpy as np
import pytest

from detectors.mixture import BELIEFS, SAY, mixture


def test_a_mixture_is_the_sum_of_what_each_stream_says_for_being_one_of_few() -> None:
    nats = np.array([[0.0, 3.0, 6.0, 0.0], [0.0, 0.0, 0.0, 0.0], [5.0, 0.1, 0.0, 7.0]])
    row, stream = np.nonzero(nats)
    found = mixture(3, row, nats[row, stream])
    for number, (p0, tempered) in enumerate(BELIEFS):
        expected = np.log(1.0 - p0 + p0 * np.exp(tempered * nats)).sum(axis=1)
        np.testing.assert_allclose(found[:, number], expected, atol=1e-12)


def test_one_stream_says_no_more_than_a_bounded_amount() -> None:
    found = mixture(3, np.arange(3), np.array([22.0, 100.0, 1e9]))
    np.testing.assert_allclose(found, SAY, rtol=0.0, atol=1e-9)


def test_many_weak_streams_outweigh_a_strong_one_where_many_are_believed_in() -> None:
    weak = mixture(1, np.zeros(40, np.intp), np.full(40, 4.0))[0]
    strong = mixture(1, np.array([0]), np.array([20.0]))[0]
    assert weak[1] / strong[1] > 2.0 * weak[0] / strong[0]
    assert weak[1] > strong[1]
    assert mixture(2, np.zeros(0, np.intp), np.zeros(0)) == pytest.approx(np.zeros((2, 2)))
