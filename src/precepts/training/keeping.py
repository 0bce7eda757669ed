"""Staying as one is: an example that is learnt as the start model's distribution, not as the one text it gave.

1. The start model's answers to helpful prompts are learnt beside the revisions so that it stays as it is. Here the loss
   at each of their tokens is KL(start | model), over the whole vocabulary. On average its gradient is that of learning
   tokens sampled at temperature 1, but it begins at nothing, where that of one sampled token is mostly noise: what the
   revisions teach is not drowned, and they can be passed over more often.
2. The start model is the model without its adapter, as it is for TRL's DPO and GRPO, so this goes with LoRA.
3. What no layer's training changes is read once (`frozen.py`), where one process trains.
4. A loss is the mean over all learnt tokens of a step: -log P(token) where text is learnt, `keep` times the divergence
   where the start model is kept. (A mixture of experts' extra loss is not part of it.)
How it departs from the paper: there the start model's answers are learnt as they were sampled.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div
from trl import SFTTrainer

from precepts.training.frozen import FrozenStates, frozen_states
from precepts.training.head import NOT_LEARNT


def with_keep(collate: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]) -> Any:
    """A collator whose batches also have `keep` and `place` (rows,), the rows' own."""

    def collated(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        keep, place = (torch.tensor([row[name] for row in rows]) for name in ("keep", "place"))
        return {**collate(rows), "keep": keep.float(), "place": place}

    return collated


class KeepingTrainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer of a model with an adapter, for batches that say which rows keep the start model (`keep` > 0), and
    where each row stands in the training set (`place`)."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean loss over learnt tokens; see the module."""
        labels, keep = inputs.pop("labels")[:, 1:], inputs.pop("keep")
        learnt = labels != NOT_LEARNT
        with self._untrained(inputs):
            logits = self._logits(model, inputs, learnt)
        kept = _each_token(keep > 0, learnt)
        losses = cross_entropy(logits[~kept], labels[learnt][~kept], reduction="sum")
        # processes that share a model's weights have to take the same passes
        asked = keep > 0 if self.accelerator.num_processes == 1 else torch.ones_like(keep, dtype=torch.bool)
        if asked.any():
            held = {name: rows[asked] for name, rows in inputs.items()}
            with self._start(model), self._untrained(held, start=True):
                start = self._logits(model, held, learnt[asked])
            moved = divergence(start[_each_token(keep[asked] > 0, learnt[asked])], logits[kept])
            losses = losses + (_each_token(keep, learnt)[kept] * moved).sum()
        count = learnt.sum() if num_items_in_batch is None else num_items_in_batch
        loss = losses / torch.as_tensor(count).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # the tokens of all are counted, and gradients averaged
        return (loss, None) if return_outputs else loss

    @contextmanager
    def _start(self, model: Any) -> Iterator[None]:
        """While it lasts, `model` is the start model, and no gradient is computed."""
        with torch.no_grad(), self.accelerator.unwrap_model(model).disable_adapter():
            yield

    def _untrained(self, inputs: dict[str, Any], start: bool = False) -> AbstractContextManager[None]:
        """While it lasts, layers that no training changes give what is known of these rows: those before the adapter,
        or all of the start model's."""
        frozen = self._frozen
        if frozen is None:
            return nullcontext()
        depth = len(frozen.layers) if start else frozen.untrained
        return frozen.given(depth, inputs["place"].tolist(), inputs["attention_mask"])

    @cached_property
    def _frozen(self) -> FrozenStates | None:
        if self.accelerator.num_processes > 1:
            return None

        def reading(tokens: torch.Tensor, mask: torch.Tensor) -> None:
            first = torch.tensor([0], device=mask.device)
            with self._start(self.model):
                self._run(self.model, {"input_ids": tokens, "attention_mask": mask}, first)

        rows, training = list(self.train_dataset["input_ids"]), self.model.training
        self.model.eval()  # what is given in every step has no dropout in it
        found = frozen_states(self.model.get_base_model(), rows, self.args.per_device_train_batch_size, reading)
        self.model.train(training)
        return found

    def _logits(self, model: Any, inputs: dict[str, Any], learnt: torch.Tensor) -> torch.Tensor:
        """Logits (tokens, vocabulary) before the `learnt` ones (rows, length - 1)."""
        places = learnt.any(dim=0).nonzero()[:, 0]
        return torch.as_tensor(self._run(model, inputs, places)[learnt[:, places]]).float()

    def _run(self, model: Any, inputs: dict[str, Any], places: torch.Tensor) -> Any:
        """Logits (rows, places, vocabulary) at these places of all rows; of no others where the model can choose."""
        given = {name: rows for name, rows in inputs.items() if name != "place"}
        inner = self.accelerator.unwrap_model(model).get_base_model()
        if "logits_to_keep" in inspect.signature(type(inner).forward).parameters:
            return model(**given, use_cache=False, logits_to_keep=places).logits
        return model(**given, use_cache=False).logits[:, places]


def _each_token(rows: torch.Tensor, learnt: torch.Tensor) -> torch.Tensor:
    """What is said of rows (rows,), of each of their `learnt` tokens (tokens,)."""
    return rows[:, None].expand_as(learnt)[learnt]


def divergence(start: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """KL(start | model) in nats (tokens,) of two sets of logits (tokens, vocabulary). Worked: shares of 1/2 and 1/2
    against 1/4 and 3/4 diverge by 0.1438."""
    return kl_div(model.log_softmax(-1), start.log_softmax(-1), reduction="none", log_target=True).sum(-1)
