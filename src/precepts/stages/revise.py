"""Stage `revise`: the model critiques and revises its own answers, round by round (paper section 3.1).

Reads the usable responses to red-team prompts. Writes a Revision for each round of each, with its drawn principle and
the exact prompts sent. Where the model has a verdict head (a warmed-up critic has), that says how a critique opens. A
round whose critique or revision cannot be used is kept with its reason, and the next round goes on from the last usable
text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pydantic import Field

from precepts.constitution import Constitution, Principle, draw_principle
from precepts.engines import Engine, GenerateRequest, Reply
from precepts.engines.base import verdicts_of
from precepts.engines.rendering import verdict_request
from precepts.feedback.critique_revision import Examples, critique_prompt, revision_prompt
from precepts.feedback.lessons import VERDICTS
from precepts.identity import content_hash, seed_from
from precepts.prompts.demonstrations import critique_demonstrations
from precepts.prompts.formats import Format, Rendered, as_sent, stops
from precepts.records import Message, Response, Revision
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.stages.respond import SamplingSettings, unusable_counts


class ReviseSettings(SamplingSettings):
    """Rounds of critique and revision, and how both are sampled. `shots` few-shot rounds go before each item;
    `direct_revision` leaves the critique out; `critique_tokens` bounds a critique as `max_tokens` a revision."""

    rounds: int = Field(default=4, ge=1)
    shots: int = Field(default=4, ge=0)
    direct_revision: bool = False
    critique_tokens: int = Field(default=256, ge=1)


def run(
    folder: StageFolder,
    settings: ReviseSettings,
    style: Format,
    constitution: Constitution,
    engine: Callable[[], Engine],
) -> None:
    """Critique and revise every usable response to a red-team prompt."""

    def make_worker() -> Worker:
        loaded = engine()
        return lambda chunk: revise(chunk, loaded, settings, style, constitution)

    total = sum(1 for _ in _items(folder.run))
    folder.write_chunks(Revision, _items(folder.run), total, settings.chunk_size, make_worker)
    folder.finish(unusable_counts(folder.run, folder.name, Revision))


def _items(run: Run) -> Iterator[Response]:
    return (r for r in run.read("respond", Response) if r.kind == "red_team" and r.unusable is None)


def critique_examples(constitution: Constitution) -> Examples:
    """The few-shot rounds: the constitution's own, else the built-in ones."""
    return constitution.demonstrations.critiques or critique_demonstrations()


@dataclass(frozen=True)
class _Critiqued:
    """One item in the middle of a round; `sent` and `reply` are the critique's, None in direct revision."""

    response: Response
    latest: str
    principle: Principle
    seed: int
    sent: Rendered | None
    reply: Reply | None


def revise(
    chunk: Chunk[Response],
    engine: Engine,
    settings: ReviseSettings,
    style: Format,
    constitution: Constitution,
) -> ChunkResult:
    """All rounds for the chunk's responses, a round at a time so that a round is one batch."""
    latest = {response.id: response.text for response in chunk.items}
    examples = critique_examples(constitution)[: settings.shots]
    records: list[Revision] = []
    for number in range(1, settings.rounds + 1):
        begun = [_critiqued(each, latest[each.id], number, chunk.seed, constitution) for each in chunk.items]
        if not settings.direct_revision:
            begun = _with_critiques(begun, engine, settings, style, examples)
        written = _revisions(begun, number, engine, settings, style, examples, constitution.hash)
        latest |= {each.response_id: each.text for each in written if each.unusable is None}
        records += written
    return ChunkResult(records, sum(r.tokens_in for r in records), sum(r.tokens_out for r in records))


def _critiqued(response: Response, latest: str, number: int, seed: int, constitution: Constitution) -> _Critiqued:
    principle = draw_principle(constitution.revising, seed, response.id, number)
    return _Critiqued(response, latest, principle, seed_from(seed, response.id, number), None, None)


def _with_critiques(
    begun: list[_Critiqued], engine: Engine, settings: ReviseSettings, style: Format, examples: Examples
) -> list[_Critiqued]:
    prompts = [critique_prompt(each.response.messages, each.latest, each.principle, style, examples) for each in begun]
    openings = _openings(begun, engine, style)
    requests = [
        replace(
            _request(prompt, settings, style, settings.critique_tokens, seed_from(each.seed, "critique")),
            prefill=f" {opening}" if opening and style == "raw" else opening,
        )
        for prompt, each, opening in zip(prompts, begun, openings, strict=True)
    ]
    return [
        _Critiqued(
            each.response, each.latest, each.principle, each.seed, _begun(prompt, opening), _opened(opening, reply)
        )
        for each, prompt, opening, reply in zip(begun, prompts, openings, engine.generate(requests), strict=True)
    ]


def _openings(begun: list[_Critiqued], engine: Engine, style: Format) -> list[str]:
    """How each critique is to open: with the likeliest verdict of the model's head; "" where it has none."""
    asked = [verdict_request(each.response.messages, each.latest, style) for each in begun]
    found = verdicts_of(engine, asked, VERDICTS)
    return [""] * len(begun) if found is None else [VERDICTS[row.index(max(row))] for row in found]


def _begun(prompt: Rendered, opening: str) -> Rendered:
    """The prompt with the opening that was put into the model's mouth."""
    if not opening:
        return prompt
    return f"{prompt} {opening}" if isinstance(prompt, str) else (*prompt, Message("assistant", opening))


def _opened(opening: str, reply: Reply) -> Reply:
    """The reply after its opening; that alone is a critique too."""
    if not opening or reply.unusable not in (None, "empty"):
        return reply
    return replace(reply, text=f"{opening} {reply.text}".rstrip(), unusable=None)


def _revisions(
    begun: list[_Critiqued],
    number: int,
    engine: Engine,
    settings: ReviseSettings,
    style: Format,
    examples: Examples,
    constitution_hash: str,
) -> list[Revision]:
    usable = [each for each in begun if each.reply is None or each.reply.unusable is None]
    prompts = {
        each.response.id: revision_prompt(
            each.response.messages,
            each.latest,
            each.principle,
            each.reply.text if each.reply else None,
            style,
            examples,
        )
        for each in usable
    }
    requests = [
        _request(prompts[each.response.id], settings, style, settings.max_tokens, seed_from(each.seed, "revision"))
        for each in usable
    ]
    replies = dict(zip(prompts, engine.generate(requests), strict=True))
    return [
        _record(
            each,
            number,
            prompts.get(each.response.id),
            replies.get(each.response.id),
            engine,
            constitution_hash,
        )
        for each in begun
    ]


def _request(prompt: Rendered, settings: ReviseSettings, style: Format, tokens: int, seed: int) -> GenerateRequest:
    return GenerateRequest(prompt, "", tokens, settings.temperature, settings.top_p, stops(style), seed)


def _record(
    each: _Critiqued,
    number: int,
    prompt: Rendered | None,
    reply: Reply | None,
    engine: Engine,
    constitution_hash: str,
) -> Revision:
    if reply is None:
        unusable: str | None = f"critique {each.reply.unusable}" if each.reply else "critique missing"
    else:
        unusable = reply.unusable
    asked = [part for part in (each.reply, reply) if part is not None]
    return Revision(
        id=content_hash(["revision", each.response.id, number], 12),
        prompt_id=each.response.prompt_id,
        response_id=each.response.id,
        round=number,
        principle_id=each.principle.id,
        principle_hash=each.principle.hash,
        constitution_hash=constitution_hash,
        messages=each.response.messages,
        previous=each.latest,
        critique_sent=as_sent(each.sent) if each.sent is not None else "",
        critique=each.reply.text if each.reply else "",
        revision_sent=as_sent(prompt) if prompt is not None else "",
        text=reply.text if reply else "",
        unusable=unusable,
        finish=reply.finish if reply else "error",
        model=engine.name,
        seed=each.seed,
        tokens_in=sum(part.tokens_in for part in asked),
        tokens_out=sum(part.tokens_out for part in asked),
    )
