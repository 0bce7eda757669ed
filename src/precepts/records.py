"""The nouns: what one row of each stage's records holds.

1. A record is a frozen dataclass. Its Parquet columns are its fields, so any Parquet tool reads a run.
2. A record holds what made it: the model, the principle and its hash, the seed or the exact text sent, the tokens
   used. It never holds a clock time, so two runs of one recipe have the same bytes.
3. Text is what UTF-8 can hold: a lone surrogate (half a character, as broken JSON escapes give) becomes U+FFFD.
4. A reply that cannot be used stays in the records with `unusable` set to the reason. It is never a tie, a zero
   or a random label: later stages leave it out and count it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from precepts.identity import content_hash


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


Messages = tuple[Message, ...]


def messages_id(messages: Messages) -> str:
    """The id of a conversation: equal for texts that differ only in case and white space."""
    return content_hash([[m.role, " ".join(m.content.lower().split())] for m in messages], 12)


def well_formed(value: Any) -> Any:
    """Plain data with U+FFFD for each lone surrogate in its texts."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {well_formed(key): well_formed(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [well_formed(below) for below in value]
    return value


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation that ends with the human's turn. `kind`: red_team, helpful or safe_sounding."""

    id: str
    kind: str
    split: str  # "train" or "held_out"
    category: str  # the kind of harm or of help, as its source names it; "" where it names none
    source: str
    messages: Messages


@dataclass(frozen=True, slots=True)
class HumanComparison:
    """A labelled comparison from outside: `chosen` was preferred to `rejected` after `messages`. `aim`: helpful or
    harmless."""

    id: str
    prompt_id: str
    split: str
    category: str
    source: str
    messages: Messages
    chosen: str
    rejected: str
    aim: str = "helpful"

    def comparison(self) -> Comparison:
        """The same to be labelled: which response stands first is decided by the id's hash, not by who won."""
        chosen_first = int(content_hash(["order", self.id], 8), 16) % 2 == 0
        texts = (self.chosen, self.rejected) if chosen_first else (self.rejected, self.chosen)
        human = "first" if chosen_first else "second"
        return Comparison(self.id, self.prompt_id, self.split, self.category, self.messages, *texts, human)


@dataclass(frozen=True, slots=True)
class Response:
    """A model's answer to a prompt. `sample` counts the answers to one prompt; `text` is "" where unusable."""

    id: str
    prompt_id: str
    kind: str
    split: str
    sample: int
    messages: Messages
    text: str
    unusable: str | None
    finish: str
    model: str
    seed: int
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Revision:
    """One round of critique and revision of one response (paper section 3.1).

    `critique_sent` and `revision_sent` are the exact prompts: raw text, or the chat messages as JSON.
    `previous` is the response this round began from; `text` is the revision, "" where unusable.
    """

    id: str
    prompt_id: str
    response_id: str
    round: int  # 1, 2, ...
    principle_id: str
    principle_hash: str
    constitution_hash: str
    messages: Messages
    previous: str
    critique_sent: str
    critique: str
    revision_sent: str
    text: str
    unusable: str | None
    finish: str  # "length" where the revision was cut
    model: str
    seed: int
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two responses to one conversation, to be compared. Which is `first` carries no meaning; `human` is the one that
    people preferred, "first" or "second", where that is known."""

    id: str
    prompt_id: str
    split: str
    category: str
    messages: Messages
    first: str
    second: str
    human: str | None = None

    def swap(self) -> Comparison:
        """The same comparison with the two responses changing places."""
        other = {"first": "second", "second": "first"}
        human = other[self.human] if self.human else None
        return replace(self, first=self.second, second=self.first, human=human)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One worked round of critique and revision, from which a small model learns to do it. `revision` is `response`
    itself where that was fine; `worse` is a response that the revision is better than, "" where there is none;
    `principle_id` names the principle that it was written under, where it names one."""

    id: str
    prompt_id: str
    category: str
    messages: Messages
    response: str
    critique: str
    revision: str
    worse: str = ""
    principle_id: str | None = None

    @property
    def unchanged(self) -> bool:
        """Whether the response was fine and stays as it is."""
        return self.revision == self.response


@dataclass(frozen=True, slots=True)
class Pair:
    """Two responses to one prompt (paper section 4.1); `unusable` says why they cannot be compared. `human` is
    set where the pair was taken from human comparisons (`model` is then "human comparisons")."""

    id: str
    prompt_id: str
    split: str
    messages: Messages
    first: str
    second: str
    unusable: str | None
    model: str
    seed: int
    tokens_in: int
    tokens_out: int
    category: str = ""
    human: str | None = None

    def comparison(self) -> Comparison:
        """The pair as something to be labelled."""
        return Comparison(
            self.id, self.prompt_id, self.split, self.category, self.messages, self.first, self.second, self.human
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What one question about a comparison gave: under one principle, the two responses in one order.

    `order` is "first" where the comparison's `first` stood first, "swapped" where it stood second, "none" where the
    question has no order. `sent` is the exact prompt, `reasoning` what the model wrote before it answered. `logprobs`
    are raw and as the labeler defines them. `log_odds` are the natural log-odds that the comparison's `first` is the
    better (turned back where the order was swapped), None exactly where `unscored` gives a reason. `weight` is the
    principle's part of the label.
    """

    principle_id: str
    principle_hash: str
    shot_principles: tuple[str, ...]
    weight: float
    order: str
    sent: str
    reasoning: str
    logprobs: tuple[float, ...] | None
    log_odds: float | None
    unscored: str | None


@dataclass(frozen=True, slots=True)
class AIPreference:
    """An AI label: how likely `first` is the better response under the drawn principles (paper section 4.1).

    `settings` are the labeler's as JSON, with what was fitted for it. `p_first` in [0, 1] is None exactly where
    `unscored` gives a reason. `human` is as in Comparison.
    """

    id: str
    prompt_id: str
    split: str
    category: str
    messages: Messages
    first: str
    second: str
    human: str | None
    constitution_hash: str
    labeler: str
    settings: str
    model: str
    readings: tuple[Reading, ...]
    p_first: float | None
    unscored: str | None

    @property
    def principles(self) -> tuple[str, ...]:
        """The ids of the drawn principles, each once."""
        return tuple(dict.fromkeys(reading.principle_id for reading in self.readings))


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One logged optimiser step of a training stage; a figure that the trainer does not have is None."""

    step: int
    epoch: float | None
    loss: float | None
    learning_rate: float | None
    grad_norm: float | None
    reward: float | None
    kl: float | None
    length: float | None


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion of RL with the preference model's score of it."""

    step: int
    prompt_id: str
    kind: str
    text: str
    score: float
