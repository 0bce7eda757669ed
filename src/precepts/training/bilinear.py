"""A preference model that reads the prompt: a bilinear form of the start model's own states.

1. score(p, r) = a r + p M r, where p are the mean states of the prompt, r those of the response and of how it begins
   (`engines/states.py`), standardised. M is what makes "refusing is good here, bad there" one number.
2. Only a and M are fitted, with the soft-label loss of `losses.py`; the model stays as it is. The loss is convex in
   them, so neither a seed nor an order of pairs matters. Two ridges hold them: one a (what is said, whatever was
   asked), a milder one M.
3. The head lies in a folder beside the whole start model, which is read anew to score, by the code that read it for the
   fit, and in the precision that it was saved in where the hardware computes in that.
How it departs from the paper: there the whole model is finetuned under a scalar head on the last token's state
(`preference_model.py`). With some hundred pairs a small model so trained learns whether refusals are good, and not
where (docs/experiments.md).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from precepts.engines.models import BILINEAR_FILE, model_path
from precepts.engines.rendering import verdict_request, verdict_rows
from precepts.engines.states import MEANS, can_be_read, cut, response_states, two_thirds
from precepts.engines.transformers import best_device, file_dtype, load_model, load_tokenizer
from precepts.errors import InputError, RunError
from precepts.prompts.formats import Format
from precepts.records import Messages, TrainingStep
from precepts.training.fit import Show, whole
from precepts.training.losses import soft_preference_loss
from precepts.training.pairs import LabelledPair
from precepts.training.settings import BilinearSettings

_ITERATIONS = 500
_AT_ONCE = 64  # responses read between two advances of the progress
_TENSORS = ("mean", "deviation", "alone", "product")


@dataclass(frozen=True)
class BilinearHead:
    """`alone` (2 x hidden size) and `product` (hidden size, 2 x hidden size) for states less `mean`, in `deviation`s
    (3 x hidden size each), after `layers` layers, of conversations in the format `style`. All float64."""

    layers: int
    style: Format
    mean: torch.Tensor
    deviation: torch.Tensor
    alone: torch.Tensor
    product: torch.Tensor

    def scores(self, states: torch.Tensor) -> torch.Tensor:
        """Scores (rows,) for states (rows, 3 x hidden size)."""
        prompts, responses = _parts((states.double().cpu() - self.mean) / self.deviation)
        return responses @ self.alone + ((prompts @ self.product) * responses).sum(dim=1)


def _parts(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of states as those of prompts (rows, hidden) and of responses (rows, 2 x hidden)."""
    size = states.shape[1] // MEANS
    return states[:, :size], states[:, size:]


class _Reader:
    """Reads the states of responses off a model."""

    def __init__(self, path: str, style: Format, layers: int | None, batch_size: int, device: str) -> None:
        where = best_device() if device == "auto" else device
        self.tokenizer, self.model = load_tokenizer(path), load_model(path, file_dtype(path, where), where)
        if not can_be_read(self.model):
            raise InputError(f"model '{path}': its layers are not where most models have them; leave pm.bilinear out")
        self.path, self.style, self.batch_size = path, style, batch_size
        self.layers = two_thirds(self.model) if layers is None else layers
        self.tokens = 0

    def read(self, items: Sequence[tuple[Messages, str]]) -> torch.Tensor:
        """States (items, 3 x hidden size) of each (conversation, response)."""
        asked = [verdict_request(messages, response, self.style) for messages, response in items]
        rows = verdict_rows(self.tokenizer, asked, self.path)
        self.tokens += sum(len(prompt) + len(response) for prompt, response in cut(rows))
        return response_states(self.model, rows, self.layers, self.batch_size)


class BilinearScorer:
    """Scores responses with a trained bilinear model. `style` None is the format it was trained in. Raises InputError
    for a head that is damaged or made for another model."""

    def __init__(self, path: str, style: Format | None = None, *, batch_size: int = 32, device: str = "auto") -> None:
        self.head = load_bilinear(Path(path))
        self.style: Format = style or self.head.style
        self._reader = _Reader(path, self.style, self.head.layers, batch_size, device)
        self._check(Path(path) / BILINEAR_FILE, self._reader.model.config.get_text_config())

    def _check(self, file: Path, config: Any) -> None:
        hidden, head = config.hidden_size, self.head
        shapes = tuple(tuple(getattr(head, name).shape) for name in _TENSORS)
        fitting = ((MEANS * hidden,), (MEANS * hidden,), (2 * hidden,), (hidden, 2 * hidden))
        if shapes != fitting or not 1 <= head.layers <= config.num_hidden_layers:
            raise InputError(f"{file}: made for another model; train the preference model again")

    def score(self, items: Sequence[tuple[Messages, str]]) -> list[float]:
        """A score for each (conversation, response), in order."""
        return [float(each) for each in self.head.scores(self._reader.read(items))] if items else []


def train_bilinear(
    model: str,
    pairs: Sequence[LabelledPair],
    target: Path,
    settings: BilinearSettings,
    style: Format,
    device: str,
    show: Show,
) -> tuple[list[TrainingStep], int]:
    """Fit a head on `pairs` and save it with the model at `target`; `show` is told of the responses read.

    Returns the fit's iterations as steps and the number of tokens read. Raises InputError for a model whose layers are
    not found, RunError where the fit does not come to an end.
    """
    reader = _Reader(model_path(model), style, None, settings.batch_size, device)
    texts = list(dict.fromkeys((pair.messages, text) for pair in pairs for text in (pair.first, pair.second)))
    found = []
    with show(len(texts), 0) as task:
        for start in range(0, len(texts), _AT_ONCE):
            found.append(reader.read(texts[start : start + _AT_ONCE]))
            task.advance(len(found[-1]))
    head, losses = fit_head(torch.cat(found), texts, pairs, settings, reader.layers, style)
    with whole(target) as beside:
        reader.model.save_pretrained(beside)
        reader.tokenizer.save_pretrained(beside)
        save_bilinear(head, beside)
    steps = [TrainingStep(n, None, loss, None, None, None, None, None) for n, loss in enumerate(losses, 1)]
    return steps, reader.tokens


def fit_head(
    states: torch.Tensor,
    texts: Sequence[tuple[Messages, str]],
    pairs: Sequence[LabelledPair],
    settings: BilinearSettings,
    layers: int,
    style: Format,
) -> tuple[BilinearHead, list[float]]:
    """The head for `pairs` whose responses are `texts` with these `states`, and the loss after each iteration."""
    mean, deviation = states.double().mean(dim=0), states.double().std(dim=0, correction=0) + 1e-6
    row = {text: n for n, text in enumerate(texts)}
    prompts, responses = _parts((states.double() - mean) / deviation)
    first, second = ([row[each.messages, getattr(each, name)] for each in pairs] for name in ("first", "second"))
    alone, product, losses = fit_bilinear(
        prompts[first],
        responses[first] - responses[second],
        torch.tensor([each.p_first for each in pairs], dtype=torch.float64),
        torch.tensor([each.weight for each in pairs], dtype=torch.float64),
        settings,
    )
    return BilinearHead(layers, style, mean, deviation, alone, product), losses


def fit_bilinear(
    prompts: torch.Tensor,
    gaps: torch.Tensor,
    p_first: torch.Tensor,
    weights: torch.Tensor,
    settings: BilinearSettings,
) -> tuple[torch.Tensor, torch.Tensor, list[float]]:
    """`alone` (features) and `product` (hidden, features) that minimise the sum of the pairs' soft-label losses, each
    times its share of the mean weight, plus `response_ridge` / 2 |alone|^2 and `ridge` hidden / 2 |product|^2; and that
    sum over the number of pairs after each iteration. `prompts` are (pairs, hidden), the `gaps` between
    responses (pairs, features).
    """
    from scipy.optimize import minimize

    hidden, features = prompts.shape[1], gaps.shape[1]
    scale = torch.full((hidden + 1, 1), (settings.ridge * hidden) ** -0.5, dtype=torch.float64)
    scale[hidden] = settings.response_ridge**-0.5
    asked = torch.cat([prompts, torch.ones(len(prompts), 1, dtype=torch.float64)], dim=1) * scale.T
    shares, losses = weights / weights.mean(), []

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        form = torch.tensor(flat.reshape(hidden + 1, features), requires_grad=True)
        scores = ((asked @ form) * gaps).sum(dim=1)
        wrong = soft_preference_loss(scores, torch.zeros_like(scores), p_first) * shares
        value = wrong.sum() + form.square().sum() / 2
        value.backward()  # type: ignore[no-untyped-call]
        assert form.grad is not None
        return float(value.detach()), form.grad.numpy().ravel()

    def note(intermediate_result: Any) -> None:
        losses.append(float(intermediate_result.fun) / len(prompts))

    begin = np.zeros((hidden + 1) * features)
    done = minimize(loss, begin, jac=True, method="L-BFGS-B", callback=note, options={"maxiter": _ITERATIONS})
    if done.nit >= _ITERATIONS:
        raise RunError(f"pm.bilinear: no end of the fit after {done.nit} iterations ; raise its ridges")
    form = torch.from_numpy(done.x.reshape(hidden + 1, features)) * scale
    return form[hidden], form[:hidden], losses


def save_bilinear(head: BilinearHead, folder: Path) -> None:
    """Put the head into a model's folder, in float32."""
    from safetensors.torch import save_file

    (folder / BILINEAR_FILE).parent.mkdir(exist_ok=True)
    tensors = {name: getattr(head, name).float().contiguous() for name in _TENSORS}
    told = json.dumps({"layers": head.layers, "means": MEANS, "format": head.style})
    save_file(tensors, folder / BILINEAR_FILE, metadata={"precepts": told})


def load_bilinear(folder: Path) -> BilinearHead:
    """The head that lies in a model's folder. Raises InputError where it is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / BILINEAR_FILE, framework="pt") as file:
            told = json.loads(file.metadata()["precepts"])
            if told["means"] != MEANS or told["format"] not in get_args(Format):
                raise ValueError(f"made for {told['means']} means of states in the format {told['format']}")
            return BilinearHead(
                int(told["layers"]), told["format"], *(file.get_tensor(name).double() for name in _TENSORS)
            )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / BILINEAR_FILE}: damaged ({error}); train the preference model again") from None
