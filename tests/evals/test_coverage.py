"""Coverage from labels, with numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from precepts.evals.coverage import coverage


def test_what_each_principle_moves() -> None:
    labels = [
        [0.9, 0.5, 0.5, 0.1],  # +0.4, 0, 0, -0.4
        [0.5, 0.52, 0.5, 0.5],  # 0, +0.02, 0, 0
        [0.7, 0.5, 0.5, 0.3],  # half the first: its twin
        [None, 0.5, 0.5, 0.9],
    ]
    found = coverage(labels, [0.5, 0.5, 0.5, 0.5], least=0.05)
    assert found.effects[0].tolist() == pytest.approx([0.4, 0, 0, -0.4])
    assert [each.value for each in found.moved] == pytest.approx([0.5, 0, 0.5, 1 / 3])
    assert [each.n for each in found.moved] == [4, 4, 4, 3]
    assert found.mean == pytest.approx((0.2, 0.005, 0.1, 0.4 / 3))
    assert found.idle == (1,)
    assert found.silent == (1, 2)
    assert [(a, b) for a, b, _ in found.twins] == [(0, 2)]
    assert found.twins[0][2] == pytest.approx(1.0)
    assert found.unscored == 1
    assert math.isnan(found.effects[3][0])


def test_opposites_are_no_twins_and_neither_are_two_that_say_nothing() -> None:
    labels = [[0.9, 0.5, 0.2], [0.1, 0.5, 0.8], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    found = coverage(labels, [0.5, 0.5, 0.5])
    assert found.twins == ()
    assert [(a, b) for a, b, _ in found.opposites] == [(0, 1)]
    assert found.opposites[0][2] == pytest.approx(-1.0)
    assert found.idle == (2, 3)


def test_nearly_opposite_is_not_opposite() -> None:
    found = coverage([[0.9, 0.5, 0.2, 0.6], [0.2, 0.6, 0.7, 0.6]], [0.5, 0.5, 0.5, 0.5])
    assert -0.95 < np.corrcoef(found.effects)[0, 1] < -0.8
    assert found.opposites == ()


def test_no_effect_speaks_to_nothing_however_little_is_asked() -> None:
    found = coverage([[0.5, 0.5], [0.5 + 1e-12, 0.5], [0.5, 0.51]], [0.5, 0.5], least=0.0)
    assert [each.value for each in found.moved] == [0, 0, 0.5]
    assert (found.idle, found.silent) == ((0, 1), (0,))


def test_without_any_label() -> None:
    found = coverage([[None, None]], [0.5, None])
    assert (found.idle, found.silent, found.unscored) == ((0,), (0, 1), 2)
    assert found.mean == (0.0,)
    assert np.isnan(found.effects).all()
