"""The verdict head is fitted: logistic regression on a critic's own states.

1. Every round that the critic is taught is a row: the conversation, the response, the verdict that opens its critique.
2. The loss is the sum of -log P(verdict) with a ridge penalty on the weights (not on the bias); states are
   standardised first. It is convex, so neither a seed nor an order of rows matters.
3. The states are those after two thirds of the layers (`engines/states.py`).
How it departs from the paper: see `engines/verdicts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from precepts.engines.states import Rows, can_be_read, response_states, two_thirds
from precepts.engines.verdicts import VerdictHead

_RIDGE = 100.0
_STEPS = 500


def train_head(
    model: Any, rows: Rows, given: Sequence[int], verdicts: Sequence[str], batch_size: int
) -> VerdictHead | None:
    """A head for `model` (a causal language model) from `rows` and the place of each one's `given` verdict in
    `verdicts`; None for a model that can have none."""
    if not can_be_read(model):
        return None
    layers = two_thirds(model)
    states = response_states(model, rows, layers, batch_size).double()
    mean, deviation = states.mean(dim=0), states.std(dim=0, correction=0) + 1e-6
    weight, bias = fit_logistic(((states - mean) / deviation).numpy(), np.asarray(given), len(verdicts))
    return VerdictHead(tuple(verdicts), layers, mean, deviation, torch.from_numpy(weight), torch.from_numpy(bias))


def fit_logistic(x: np.ndarray, y: np.ndarray, kinds: int, ridge: float = _RIDGE) -> tuple[np.ndarray, np.ndarray]:
    """(weight (kinds, features), bias (kinds)) that minimise the sum of -log softmax(x weight' + bias)[y], plus half of
    `ridge` times |weight|^2, for x (rows, features) and y (rows)."""
    from scipy.optimize import minimize

    features = x.shape[1]
    wanted = np.eye(kinds)[y]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight, bias = flat[: kinds * features].reshape(kinds, features), flat[kinds * features :]
        scores = x @ weight.T + bias
        scores -= scores.max(axis=1, keepdims=True)
        logprobs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        wrong = np.exp(logprobs) - wanted
        value = -(logprobs * wanted).sum() + ridge / 2 * (weight**2).sum()
        return value, np.concatenate([(wrong.T @ x + ridge * weight).ravel(), wrong.sum(axis=0)])

    found = minimize(loss, np.zeros(kinds * (features + 1)), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return found.x[: kinds * features].reshape(kinds, features), found.x[kinds * features :]
