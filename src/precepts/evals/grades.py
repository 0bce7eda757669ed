"""What graders say of many answers: the share of each label, the mean of values, and what was left out.

1. Shares are of the answers with a label, means over the answers with a value; both with 95 % intervals, clustered by
   prompt. An unscored answer is in neither and counted by its reason.
2. Nothing to count gives nan with n = 0, never an invented zero.

How it departs from the paper: it gives no intervals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from precepts.evals.shares import share
from precepts.evals.statistics import Estimate, bootstrap_mean
from precepts.evidence import Evaluation, Grade


@dataclass(frozen=True)
class GradeFigures:
    """One grader on one model's answers to one kind of prompt. `labels`: the share in [0, 1] of each label that
    occurred, `absent` that of any other; `value`: the mean, in the grader's unit."""

    model: str
    kind: str
    grader: str
    scored: int
    unscored: Mapping[str, int]
    labels: Mapping[str, Estimate]
    absent: Estimate
    value: Estimate

    def share_of(self, label: str) -> Estimate:
        """The share of `label`, which need not have occurred."""
        return self.labels.get(label, self.absent)


def grade_figures(rows: Sequence[Evaluation], seed: int) -> tuple[GradeFigures, ...]:
    """The figures of every model, kind and grader in `rows`, in the order they first occur."""
    grouped: defaultdict[tuple[str, str, str], list[tuple[str, Grade]]] = defaultdict(list)
    for row in rows:
        for grade in row.grades:
            grouped[row.model, row.kind, grade.grader].append((row.prompt_id, grade))
    return tuple(_figures(*key, grades, seed) for key, grades in grouped.items())


def _figures(model: str, kind: str, grader: str, grades: Sequence[tuple[str, Grade]], seed: int) -> GradeFigures:
    labelled = [(prompt, each.label) for prompt, each in grades if each.label is not None]
    valued = [(prompt, each.value) for prompt, each in grades if each.value is not None]
    prompts = [prompt for prompt, _ in labelled]
    return GradeFigures(
        model=model,
        kind=kind,
        grader=grader,
        scored=sum(each.unscored is None for _, each in grades),
        unscored=_counted(each.unscored for _, each in grades),
        labels={
            label: share([found == label for _, found in labelled], prompts, seed=seed)
            for label in sorted({label for _, label in labelled})
        },
        absent=share([False] * len(labelled), prompts, seed=seed),
        value=bootstrap_mean([value for _, value in valued], [prompt for prompt, _ in valued], seed=seed),
    )


def _counted(reasons: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(reason for reason in reasons if reason is not None).items()))
