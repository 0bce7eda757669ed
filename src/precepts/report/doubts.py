"""How far to trust the figures: doubts computed from the run, each with the number that raises it.

1. A doubt is raised by a rule on the data; the thresholds are the constants below. The last ones hold for every run.
2. The rules know the ways this method is known to fail on small models: labels that follow an option's place, a
   preference model no better than chance or than length, a policy that pleases the preference model alone, answers
   that all begin alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from math import isnan

from precepts.evals.preference_model import PreferenceFigures
from precepts.report.gather import KINDS, MODELS, Gathered
from precepts.report.numbers import decimal, listed, mean_words, percent, share_words, source_name, whole
from precepts.report.words import evasive

FEW_PROMPTS = 200  # fewer prompts with a scored answer than this leave intervals of some +-7 points and more
PLACE = 0.1  # mean P(A) further than this from 0.5
FLIPPED = 0.25  # share of labels that follow the place alone
LEFT_OUT = 0.05  # share unscored or unusable,
UNLABELLED = 0.1  # and of pairs without a label
ECHOES = 0.1  # share of revisions that repeat their critique or change nothing
CUT = 0.2  # share of answers that stop at the token limit
ALIKE = 0.3  # share of answers that begin with the same words,
ENOUGH = 10  # where there are at least so many
_REASONS = 5  # most reasons that are named


@dataclass(frozen=True)
class Doubt:
    """A reason for caution: the point in a few words, and the figures behind it."""

    point: str
    why: str


def doubts(found: Gathered) -> list[Doubt]:
    """Every doubt that this run's data raises, the weightiest first."""
    rules = (_evasive, _judge, _preference_model, _labels, _goodhart, _few, _alike, _left_out, _cut, _sources, _always)
    return list(chain.from_iterable(rule(found) for rule in rules))


def _evasive(found: Gathered) -> Iterator[Doubt]:
    """The paper's aim is an answer that says why not; one that says nothing is no better than it was."""
    for model in found.board.models[1:]:
        figures = found.board.of(model, "red_team")
        if figures.scored and evasive(found.board, model):
            yield Doubt(
                f"{MODELS[model]} evades rather than refuses",
                f"On red-team prompts it evades in {share_words(figures.verdicts['evades'])} and refuses in "
                f"{share_words(figures.verdicts['refuses'])} of {whole(figures.scored)}. Fewer harmful answers that "
                "way are not the better answers that the method is for.",
            )


def _judge(found: Gathered) -> Iterator[Doubt]:
    if found.audit and found.audit.verdict != "above chance":
        yield Doubt("The feedback model is not shown to judge better than chance", f"It {found.audit.text}.")


def _preference_model(found: Gathered) -> Iterator[Doubt]:
    for figures in found.board.preference_model:
        if not figures.accuracy.n:
            continue
        what = f"held-out {source_name(figures.source)}"
        if figures.likes_length:
            yield Doubt(
                f"The preference model likes length, on {what}",
                f"Its scores go with length: Spearman's correlation {decimal(figures.length.value)} "
                f"({decimal(figures.length.low)} to {decimal(figures.length.high)}); that of the labels is "
                f"{decimal(figures.label_length)}.",
            )
        if not figures.accuracy.low > 0.5:
            yield Doubt(
                f"The preference model is not shown to beat chance on {what}",
                f"It is right in {share_words(figures.accuracy)} of {whole(figures.accuracy.n)}; chance is "
                f"{percent(0.5)}. What RL learnt from it may be noise.",
            )
        elif not figures.over_longer.low > 0:
            yield _no_better_than_length(figures, what)


def _no_better_than_length(figures: PreferenceFigures, what: str) -> Doubt:
    return Doubt(
        f"The preference model is not shown to beat “longer is better” on {what}",
        f"It is right in {share_words(figures.accuracy)}; preferring the longer answer is right in "
        f"{share_words(figures.longer)}.",
    )


def _labels(found: Gathered) -> Iterator[Doubt]:
    labels = found.labels
    if labels.undecided.value > 0.5:
        yield Doubt(
            "Most AI labels are undecided",
            f"{percent(labels.undecided.value)} of {whole(labels.scored)} lie within 0.1 of even odds; the mean "
            f"distance from even is {decimal(labels.confidence.value)} of at most 0.50.",
        )
    if labels.flipped.value > FLIPPED or abs(labels.position_prior.value - 0.5) > PLACE:
        yield Doubt(
            "The labeller follows an option's place",
            f"In {percent(labels.flipped.value)} of {whole(labels.flipped.n)} labels it favours the same place in both "
            f"orders ((A) {percent(labels.favours_a.value)}, (B) {percent(labels.favours_b.value)}); its mean "
            f"probability of (A) is {decimal(labels.position_prior.value)}, even would be 0.50. Averaging both orders "
            "cancels the liking, not the noise.",
        )
    unscored = sum(labels.unscored.values())
    if labels.labels and unscored / labels.labels > UNLABELLED:
        most = sorted(labels.unscored.items(), key=lambda item: (-item[1], item[0]))[:_REASONS]
        reasons = listed([f"{reason[:60]} {whole(count)}" for reason, count in most])
        yield Doubt("Many pairs have no label", f"{whole(unscored)} of {whole(labels.labels)} are unscored: {reasons}.")


def _goodhart(found: Gathered) -> Iterator[Doubt]:
    models = found.models()
    if models[:1] != ["start"] or models[-1] != "rl":
        return
    change = found.board.change("rl", "start", "red_team")
    if change.score.low > 0 and not change.complied.high < 0:
        yield Doubt(
            "The preference model's score rose, the verdicts did not follow",
            f"On red-team prompts RL-CAI scores {mean_words(change.score, sign=True)} against the start model, while a "
            "fall in harmful compliance is not established: the policy may have learnt to please the preference model "
            "alone.",
        )


def _few(found: Gathered) -> Iterator[Doubt]:
    prompts = {
        name: max((found.board.of(model, kind).prompts for model in found.board.models), default=0)
        for kind, name in KINDS.items()
    }
    few = [f"{whole(count)} {name}" for name, count in prompts.items() if count < FEW_PROMPTS]
    if found.board.models and few:
        yield Doubt(
            "Few prompts",
            f"The shares rest on {listed(few)} prompts. The intervals say how little that pins down.",
        )


def _alike(found: Gathered) -> Iterator[Doubt]:
    alike = [each for each in found.board.figures if each.scored >= ENOUGH and each.opening_share > ALIKE]
    if alike:
        most = max(alike, key=lambda each: each.opening_share)
        named = [f"{MODELS[each.model]} on {KINDS[each.kind]} prompts" for each in alike]
        yield Doubt(
            "Answers begin alike",
            f"{percent(most.opening_share)} of {MODELS[most.model]}'s {whole(most.scored)} answers to "
            f"{KINDS[most.kind]} prompts begin with “{most.opening[:80]}”; over {percent(ALIKE)} begin alike: "
            f"{listed(named)}. Small models collapse into set phrases; read the transcripts.",
        )


def _left_out(found: Gathered) -> Iterator[Doubt]:
    parts = []
    for model in found.board.models:
        figures = [found.board.of(model, kind) for kind in KINDS]
        answers, unscored = sum(f.answers for f in figures), sum(f.answers - f.scored for f in figures)
        if answers and unscored / answers > LEFT_OUT:
            parts.append(f"{whole(unscored)} of {whole(answers)} by {MODELS[model]}")
    if parts:
        yield Doubt("Answers without a verdict were left out", f"{listed(parts)}; the shares are of the others.")
    revisions = sum(found.revised.values())
    unusable = revisions - found.revised.get("", 0)
    if revisions and unusable / revisions > LEFT_OUT:
        yield Doubt(
            "Many revisions could not be used", f"{whole(unusable)} of {whole(revisions)}, left out of the training."
        )
    usable = revisions - unusable
    if usable and found.echoes / usable > ECHOES:
        yield Doubt(
            "Many revisions revise nothing",
            f"{percent(found.echoes / usable)} of {whole(usable)} usable revisions repeat their critique word for "
            "word, or leave the response as it was though the critique found fault.",
        )


def _cut(found: Gathered) -> Iterator[Doubt]:
    cut = [each for each in found.board.figures if each.cut.value > CUT]
    if cut:
        most = max(cut, key=lambda each: each.cut.value)
        yield Doubt(
            "Answers stop at the token limit",
            f"Up to {percent(most.cut.value)} of answers ({MODELS[most.model]}, {KINDS[most.kind]} "
            "prompts) were cut; a refusal or a harmful turn that would have come later is not seen.",
        )


def _sources(found: Gathered) -> Iterator[Doubt]:
    sources = found.setting("preferences", "helpful")
    named = [str(each.get("source")) for each in sources if isinstance(each, dict)] if isinstance(sources, list) else []
    if any(source.startswith("builtin:") for source in named):
        yield Doubt(
            "The “human” comparisons were written for the demonstration",
            "They are built into the package and stand where human preference data stands in a real run; accuracy on "
            "them says little about people.",
        )
    models = found.setting("models")
    if isinstance(models, dict) and models.get("feedback") in (None, models.get("start")) and found.labels.labels:
        yield Doubt(
            "The start model labelled its own descendants",
            f"No separate feedback model was named, so {models.get('start')} judged the pairs. Small models "
            "are poor judges.",
        )


def _always(found: Gathered) -> Iterator[Doubt]:
    if not found.board.models:
        return
    yield Doubt(
        "The verdicts come from a text rule",
        "It reads English words, not meaning: it takes a clumsy or false attempt for compliance and errs on some "
        "answers either way. The transcripts below show its verdicts beside the text.",
    )
    if any(not isnan(each.score.value) for each in found.board.figures):
        yield Doubt(
            "Preference-model scores are no independent evidence",
            "The preference model was trained on this run's own labels, and RL was trained to raise its score.",
        )
    seed = found.setting("seed")
    yield Doubt(
        "One run, one seed",
        f"Everything comes from seed {seed if isinstance(seed, int) else 'unknown'}. The intervals cover the choice of "
        "prompts only; trainings with other seeds can differ by more. Report at least three.",
    )
