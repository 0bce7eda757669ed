"""Stage `tournament`: a judge sets the models' answers to the same held-out prompts against each other.

Reads every set `answers-*` of stage `evaluate`. Writes `matches` (Match): on red-team prompts for the aim harmless,
under the constitution's principles, on helpful prompts for the aim helpful, under those of `helpful`. Where the judge
is not the audited feedback model, it is tried on the audit's comparisons first (set `audit`, AIPreference), since a
judge no better than chance settles nothing. Ratings are computed from the matches (`evals.tournament`).
Of several answers to a prompt the first is played. Which answer stands first is decided by a hash; both orders are
asked where the labeler knows an order. Two equal answers tie without being asked about; an answer that is no answer
leaves its match unscored.
How it departs from the paper: crowd workers compared its models' answers (section 3.3).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from pydantic import Field

from precepts.constitution import Constitution
from precepts.engines import Engine
from precepts.errors import InputError, nearest
from precepts.evals.audit import audit
from precepts.evidence import Evaluation, Match, first_answers
from precepts.feedback.label import label_comparisons
from precepts.identity import content_hash, seed_from
from precepts.odds import Rules
from precepts.prompts.formats import Format
from precepts.records import AIPreference, Comparison
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.settings import Settings
from precepts.sources.read import SourceSettings
from precepts.stages.audit import labelled
from precepts.stages.label import LabelSettings, label_worker

Aim = Literal["harmless", "helpful"]
AIM_OF: dict[str, Aim] = {"red_team": "harmless", "helpful": "helpful"}
BASE = "start"
ANSWERS = "answers-"


class TournamentSettings(Settings):
    """Who plays whom and who judges.

    `aims` to play for; `helpful` is the constitution (a built-in's name or a file) for the aim helpful; `models`: null
    for all that were evaluated; `pairing`: each against each (all), or each against the start model (start); `limit`
    bounds the prompts of each kind; `judge` is how the judge is asked (null: as the recipe's `label`, uncorrected).
    """

    aims: list[Aim] = Field(default=["harmless", "helpful"], min_length=1)
    helpful: str = "helpfulness"
    models: list[str] | None = Field(default=None, min_length=2)
    pairing: Literal["all", "start"] = "all"
    limit: int | None = Field(default=None, ge=1)
    judge: LabelSettings | None = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two models' answers to one prompt, to be judged for `aim`."""

    aim: Aim
    first: Evaluation
    second: Evaluation

    @property
    def id(self) -> str:
        """Knows the aim, the prompt, both models and both texts."""
        sides = [[each.model, each.text] for each in (self.first, self.second)]
        return content_hash([self.aim, self.first.prompt_id, sides], 12)

    def comparison(self) -> Comparison:
        """The meeting as something to be labelled."""
        one, other = self.first, self.second
        return Comparison(self.id, one.prompt_id, "held_out", one.category, one.messages, one.text, other.text)


def run(
    folder: StageFolder,
    settings: TournamentSettings,
    judging: LabelSettings,
    style: Format,
    constitutions: Mapping[str, Constitution],
    engine: Callable[[], Engine],
    audit_on: Sequence[SourceSettings] | None,
) -> None:
    """Play all matches; `constitutions` are by aim, `audit_on` are comparisons to try the judge on (None: it is the
    audited one). Raises InputError for a model that was not evaluated."""
    if audit_on is not None:
        _audit(folder, judging, style, constitutions, engine, audit_on)
    games = list(meetings(folder.run, settings))
    folder.write_chunks(
        Match,
        games,
        len(games),
        judging.chunk_size,
        lambda: match_worker(engine(), judging, style, constitutions),
        set_name="matches",
    )
    played = folder.run.read(folder.name, Match, "matches")
    folder.finish(dict(Counter(f"{m.aim}: {'unscored: ' + m.unscored if m.unscored else 'scored'}" for m in played)))


def evaluated(run: Run) -> list[str]:
    """The models whose answers stage `evaluate` wrote, the start model first."""
    state = run.state("evaluate")
    names = [name.removeprefix(ANSWERS) for name in (state.records if state else ()) if name.startswith(ANSWERS)]
    return sorted(names, key=lambda name: (name != BASE, name))


def meetings(run: Run, settings: TournamentSettings) -> Iterator[Meeting]:
    """Who meets whom on which prompt, aim by aim. Raises InputError for a model that was not evaluated."""
    known = evaluated(run)
    names = known if settings.models is None else [name for name in known if name in settings.models]
    for name in settings.models or ():
        if name not in known:
            raise InputError(f"tournament.models: '{name}' was not evaluated; {nearest(name, known)}")
    answers = {name: first_answers(run.read("evaluate", Evaluation, ANSWERS + name)) for name in names}
    pairs = list(combinations(names, 2))
    pairs = [pair for pair in pairs if pair[0] == names[0]] if settings.pairing == "start" else pairs
    for aim in settings.aims:
        for prompt in _prompts(answers, aim, settings.limit):
            for one, other in pairs:
                if prompt in answers[one] and prompt in answers[other]:
                    yield _meeting(aim, answers[one][prompt], answers[other][prompt])


def _prompts(answers: Mapping[str, Mapping[str, Evaluation]], aim: Aim, limit: int | None) -> list[str]:
    """The ids of the prompts played for `aim`: those with the lowest hash, so a higher limit only adds."""
    found = dict.fromkeys(
        each.prompt_id for rows in answers.values() for each in rows.values() if AIM_OF.get(each.kind) == aim
    )
    return sorted(found, key=lambda name: content_hash(["tournament", name]))[:limit]


def _meeting(aim: Aim, one: Evaluation, other: Evaluation) -> Meeting:
    swapped = int(content_hash(["place", one.prompt_id, one.model, other.model], 8), 16) % 2
    return Meeting(aim, other, one) if swapped else Meeting(aim, one, other)


def match_worker(
    engine: Engine, judging: LabelSettings, style: Format, constitutions: Mapping[str, Constitution]
) -> Worker:
    """Judges chunks of meetings with one engine."""

    def work(chunk: Chunk[Meeting]) -> ChunkResult:
        before = engine.usage.tokens_in, engine.usage.tokens_out
        judged: dict[str, AIPreference] = {}
        asked: dict[Aim, list[Comparison]] = defaultdict(list)
        for each in chunk.items:
            if _settled(each) is None:
                asked[each.aim].append(each.comparison())
        for aim, comparisons in asked.items():
            judged |= _labels(engine, judging, style, constitutions[aim], comparisons, seed_from(chunk.seed, aim))
        records = [_match(each, judged.get(each.id), engine.name, judging.labeler) for each in chunk.items]
        return ChunkResult(records, engine.usage.tokens_in - before[0], engine.usage.tokens_out - before[1])

    return work


def _labels(
    engine: Engine,
    judging: LabelSettings,
    style: Format,
    constitution: Constitution,
    comparisons: Sequence[Comparison],
    seed: int,
) -> dict[str, AIPreference]:
    labeler, shots = judging.make(style, constitution), len(judging.examples(constitution))
    rules = Rules(judging.both_orders, judging.principles, judging.abstain)
    found = label_comparisons(engine, labeler, comparisons, constitution, seed, shots, rules, judging.options)
    return {each.id: each for each in found}


def _settled(meeting: Meeting) -> tuple[float | None, str | None] | None:
    """(p_first, unscored) where no judge is needed; None where one is."""
    if not all(each.text.strip() for each in (meeting.first, meeting.second)):
        return None, "no_answer"
    return (0.5, None) if meeting.first.text == meeting.second.text else None


def _match(meeting: Meeting, label: AIPreference | None, judge: str, labeler: str) -> Match:
    one, other = meeting.first, meeting.second
    p_first, unscored = (label.p_first, label.unscored) if label else _settled(meeting) or (None, "no_answer")
    return Match(
        id=meeting.id,
        prompt_id=one.prompt_id,
        kind=one.kind,
        category=one.category,
        aim=meeting.aim,
        messages=one.messages,
        first_model=one.model,
        second_model=other.model,
        first=one.text,
        second=other.text,
        judge=judge,
        labeler=labeler,
        readings=label.readings if label else (),
        p_first=p_first,
        unscored=unscored,
        tokens_in=one.tokens_in + other.tokens_in,
        tokens_out=one.tokens_out + other.tokens_out,
        constitution_hash=label.constitution_hash if label else "",
    )


def _audit(
    folder: StageFolder,
    judging: LabelSettings,
    style: Format,
    constitutions: Mapping[str, Constitution],
    engine: Callable[[], Engine],
    sources: Sequence[SourceSettings],
) -> None:
    """Label the audit's comparisons as the judge would, and say what it is worth."""
    items = list(labelled(list(sources)))
    constitution = constitutions.get("harmless") or constitutions["helpful"]
    rules = Rules(judging.both_orders, judging.principles, judging.abstain)
    folder.write_chunks(
        AIPreference,
        items,
        len(items),
        judging.chunk_size,
        lambda: label_worker(engine(), judging, style, constitution, rules),
        set_name="audit",
    )
    folder.say(f"audit of the judge: {audit(folder.run.read(folder.name, AIPreference, 'audit'), seed=0).text}")
