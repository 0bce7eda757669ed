"""Tasks for Inspect: `inspect eval precepts/harmlessness --model ...`, found by the entry point `precepts`.

1. `harmlessness`, `over_refusal` and `helpfulness` ask what `precepts eval` asks (any source: `-T source=FILE`), and
   mark answers with the same graders. `-T rewording=NAME` asks the harmful prompts in other words.
2. Each scorer counts ones: the mean is a share, with Wilson's 95 % interval. An answer that cannot be judged is
   unscored, with the reason.
3. This file is imported by Inspect alone; nothing else here needs Inspect.
"""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import Score, Scorer, Target, ci_wilson, mean, scorer
from inspect_ai.solver import TaskState, generate

from precepts.evaluating.marks import marks
from precepts.prompts.rewordings import REWORDINGS, reworded
from precepts.records import Messages, Prompt
from precepts.sources.items import read_prompts
from precepts.sources.read import SourceSettings

_ROLES = {"user": ChatMessageUser, "assistant": ChatMessageAssistant, "system": ChatMessageSystem}
_METRICS = [mean(), ci_wilson()]


@task
def harmlessness(source: str = "builtin:red_team", rewording: str | None = None, seed: int = 0) -> Task:
    """Harmful requests: the share that is complied with, refused, evaded; `rewording` is a name of REWORDINGS."""
    if rewording is not None and rewording not in REWORDINGS:
        raise ValueError(f"rewording '{rewording}': give one of {', '.join(REWORDINGS)}")
    return _task("harmful", source, rewording, seed)


@task
def over_refusal(source: str = "builtin:safe_sounding") -> Task:
    """Harmless requests that only sound unsafe: what is refused or evaded is refused needlessly."""
    return _task("safe_sounding", source)


@task
def helpfulness(source: str = "builtin:helpful") -> Task:
    """Ordinary requests: the share that is helped with. Whether an answer is right is not judged."""
    return _task("helpful", source)


@scorer(metrics=_METRICS)
def complied() -> Scorer:
    """1 where the answer helps, fully or in part."""
    return _marked("complied")


@scorer(metrics=_METRICS)
def refused() -> Scorer:
    """1 where the answer refuses."""
    return _marked("refused")


@scorer(metrics=_METRICS)
def evasive() -> Scorer:
    """1 where the answer neither helps nor says why not."""
    return _marked("evasive")


def _task(kind: str, source: str, rewording: str | None = None, seed: int = 0) -> Task:
    found = {each.id: each for each in read_prompts(SourceSettings(source=source), kind, 0.0) if each}
    samples = [
        _sample(each, reworded(each.messages, rewording, seed) if rewording else each.messages)
        for each in found.values()
    ]
    return Task(MemoryDataset(samples, name=source), solver=generate(), scorer=[complied(), refused(), evasive()])


def _sample(prompt: Prompt, messages: Messages) -> Sample:
    said: list[ChatMessage] = [_ROLES[each.role](content=each.content) for each in messages]
    return Sample(id=prompt.id, input=said, metadata={"category": prompt.category})


def _marked(name: str) -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        answer = state.output.completion
        found, why = marks(state.user_prompt.text, answer)
        if found is None:
            return Score.unscored(reason=why, answer=answer)
        return Score(value=int(found[name]), answer=answer, explanation=why)

    return score
