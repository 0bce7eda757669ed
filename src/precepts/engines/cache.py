"""A key-value cache with room to grow, for long shared prompts on machines that memory bandwidth limits.

transformers' dynamic cache lays every new token's keys and values behind the old ones by copying all of them, at each
step and in each layer. Here the copy is made once every `ROOM` tokens; the values are the same. Layers that are not
plain (sliding windows, say) stay as transformers makes them.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64


class _RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values are views of larger buffers; whatever replaces the views makes the next update copy."""

    keys: torch.Tensor
    values: torch.Tensor
    buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if not self.is_initialized or self.keys.numel() == 0:
            first: tuple[Any, Any] = super().update(key_states, value_states, *args, **kwargs)
            return first
        length = self.keys.shape[-2]
        end = length + key_states.shape[-2]
        if not self._fits(end):
            self.buffers = _grown(self.keys, end + ROOM), _grown(self.values, end + ROOM)
        assert self.buffers is not None
        for buffer, new in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[..., length:end, :] = new
        self.keys, self.values = (buffer[..., :end, :] for buffer in self.buffers)
        return self.keys, self.values

    def _fits(self, end: int) -> bool:
        buffers = self.buffers
        return (
            buffers is not None
            and buffers[0].shape[-2] >= end
            and buffers[0].data_ptr() == self.keys.data_ptr()
            and buffers[0].shape[0] == self.keys.shape[0]
        )


def _grown(tensor: torch.Tensor, length: int) -> torch.Tensor:
    buffer = tensor.new_zeros(*tensor.shape[:-2], length, tensor.shape[-1])
    buffer[..., : tensor.shape[-2], :] = tensor
    return buffer


def roomy_cache(model: Any) -> DynamicCache:
    """An empty cache for `model`, whose plain layers have room to grow."""
    cache = DynamicCache(config=model.config)
    cache.layers = [_RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def selected(cache: DynamicCache, rows: torch.Tensor) -> DynamicCache:
    """A cache of these rows of `cache`, in this order and as often as they are named; `cache` stays as it is."""
    chosen = copy.copy(cache)
    chosen.layers = [copy.copy(layer) for layer in cache.layers]
    chosen.batch_select_indices(rows)
    return chosen
