"""A run's budget: it stops between two chunks (or training steps), before the next would go beyond what is allowed.

1. Spent is what the run folder says: the tokens and seconds of every stage that this run did itself, of a partial one
   those of its shards. What an earlier, removed attempt cost is forgotten with it.
2. The next unit of work is taken to cost as much as the dearest so far in this session of the stage.
3. Money: tokens that an engine reads and writes at the prices for a million, and time at that for an hour. Tokens
   that a training reads cost its hours alone.
4. Neither budget nor prices change a record, and neither is part of a fingerprint: raise it, and the run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import Field

from precepts.errors import RunError
from precepts.settings import Settings


class PriceSettings(Settings):
    """Prices in one currency: for a million tokens that an engine reads and writes, for an `hour` of the machine."""

    tokens_in: float = Field(default=0.0, ge=0)
    tokens_out: float = Field(default=0.0, ge=0)
    hour: float = Field(default=0.0, ge=0)


class BudgetSettings(Settings):
    """The most that a run may spend; null is no bound. `tokens` counts those read and those written together."""

    tokens: int | None = Field(default=None, ge=1)
    hours: float | None = Field(default=None, gt=0)
    money: float | None = Field(default=None, gt=0)


@dataclass(frozen=True)
class Cost:
    """Tokens read and written, those of them that an engine did (`billed`), and seconds."""

    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    billed_in: int = 0
    billed_out: int = 0

    @classmethod
    def of(cls, tokens_in: int, tokens_out: int, seconds: float, *, trains: bool) -> Cost:
        """The cost of a stage, or of a part of it, that trains a model or asks an engine."""
        return cls(tokens_in, tokens_out, seconds, *((0, 0) if trains else (tokens_in, tokens_out)))

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(mine + others for mine, others in zip(vars(self).values(), vars(other).values(), strict=True)))

    def money(self, prices: PriceSettings) -> float:
        """What it costs at these prices."""
        tokens = self.billed_in * prices.tokens_in + self.billed_out * prices.tokens_out
        return tokens / 1e6 + self.seconds / 3600 * prices.hour


@dataclass(frozen=True)
class Budget:
    """What may be spent, at which prices."""

    limits: BudgetSettings
    prices: PriceSettings | None = None

    def refuse(self, spent: Cost, coming: Cost) -> None:
        """Raise RunError where `spent` has reached a limit or `coming` would go beyond it."""
        for name, limit, used, more in self._figures(spent, coming):
            if used + more > limit or used >= limit:
                raise RunError(
                    f"budget.{name}: {_shown(name, used)} of {_shown(name, limit)} are used and the next step takes "
                    f"about {_shown(name, more)}, so the run stops here; what is finished is kept. To go on, run the "
                    f"same command with a higher budget (--set budget.{name}=...)"
                )

    def _figures(self, spent: Cost, coming: Cost) -> Iterator[tuple[str, float, float, float]]:
        """(name, limit, used, coming) of each limit that is set."""
        prices = self.prices or PriceSettings()
        measures: dict[str, tuple[float | None, Callable[[Cost], float]]] = {
            "tokens": (self.limits.tokens, lambda cost: cost.tokens_in + cost.tokens_out),
            "hours": (self.limits.hours, lambda cost: cost.seconds / 3600),
            "money": (self.limits.money, lambda cost: cost.money(prices)),
        }
        for name, (limit, measure) in measures.items():
            if limit is not None:
                yield name, limit, measure(spent), measure(coming)


def _shown(name: str, figure: float) -> str:
    return f"{figure:,.0f}" if name == "tokens" else f"{figure:,.4g}"


class Meter:
    """What one stage spends, on top of what the run had spent `before`. Each `unit` is checked before the next."""

    def __init__(self, budget: Budget, before: Cost, *, trains: bool) -> None:
        self.budget, self.spent, self.trains = budget, before, trains
        self._dearest, self._began = Cost(), time.monotonic()

    def unit(self, tokens_in: int, tokens_out: int, *, last: bool) -> None:
        """A unit of work is done. Raises RunError where another, unless it was the `last`, goes beyond the budget."""
        now = time.monotonic()
        cost = Cost.of(tokens_in, tokens_out, now - self._began, trains=self.trains)
        self._began, self.spent = now, self.spent + cost
        pairs = zip(vars(self._dearest).values(), vars(cost).values(), strict=True)
        self._dearest = Cost(*map(max, pairs))
        if not last:
            self.budget.refuse(self.spent, self._dearest)
