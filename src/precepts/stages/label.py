"""Stage `label`: a feedback model labels each pair under drawn principles (paper section 4.1).

Reads the usable pairs, and the audit where `calibrate` asks for what was fitted there. Writes an AIPreference for
each, with its principles, every raw answer and `p_first`, or the reason why there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from precepts.constitution import Constitution
from precepts.demonstrations import ComparisonDemonstration
from precepts.engines import Engine
from precepts.errors import RunError
from precepts.feedback.label import label_comparisons
from precepts.feedback.labeler import Labeler, find_labeler
from precepts.identity import content_hash
from precepts.odds import Rules
from precepts.prompts.demonstrations import comparison_demonstrations
from precepts.prompts.formats import Format
from precepts.prompts.render import wording_hash
from precepts.records import AIPreference, Comparison, Pair
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.settings import Settings


class LabelSettings(Settings):
    """Which labeler, and how its answers become labels.

    `shots` few-shot comparisons; `both_orders` of each pair; `principles` drawn for each pair and averaged; `abstain`:
    a label whose two orders differ by more is left out (null: none); `calibrate`: take off the liking for a place that
    the audit found (prior), and fit a temperature on its human labels too (temperature); `options` are the labeler's
    own settings.
    """

    labeler: str = "multiple_choice"
    shots: int = Field(default=5, ge=0)
    both_orders: bool = True
    principles: int = Field(default=1, ge=1, le=64)
    abstain: float | None = Field(default=None, ge=0, le=1)
    calibrate: Literal["none", "prior", "temperature"] = "none"
    options: dict[str, Any] = {}
    chunk_size: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _labeler_takes_them(self) -> Self:
        labeler = find_labeler(self.labeler)
        try:
            labeler.Options.model_validate(self.options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, ("options", *first["loc"])))
            known = ", ".join(labeler.Options.model_fields) or "none"
            message = f"{where} of the labeler '{self.labeler}': {first['msg']} (its options: {known})"
            raise ValueError(message) from None
        return self

    def make(self, style: Format, constitution: Constitution) -> Labeler:
        """The labeler, ready to ask."""
        labeler = find_labeler(self.labeler)
        return labeler(style, self.examples(constitution), labeler.Options.model_validate(self.options))

    def examples(self, constitution: Constitution) -> tuple[ComparisonDemonstration, ...]:
        """The few-shot comparisons it shows: of the constitution's own, or of the built-in ones, as many as `shots`."""
        shows, own = find_labeler(self.labeler).shows, constitution.demonstrations
        if shows == "nothing":
            return ()
        return ((own.chains if shows == "reasoned" else own.choices) or comparison_demonstrations())[: self.shots]

    def rules(self, prior: float = 0.0, temperature: float = 1.0) -> Rules:
        """How readings become labels, with what was fitted."""
        return Rules(self.both_orders, self.principles, self.abstain, prior, temperature)

    def parts(self) -> dict[str, Any]:
        """What labels depend on besides these settings: the labeler's version, its words, its options in full."""
        labeler = find_labeler(self.labeler)
        options = labeler.Options.model_validate(self.options).model_dump(mode="json")
        return {
            "label.labeler (version)": labeler.version,
            "label.labeler (wording)": wording_hash(*labeler.wording),
            "label.options (in full)": content_hash(options),
        }


def run(
    folder: StageFolder,
    settings: LabelSettings,
    style: Format,
    constitution: Constitution,
    engine: Callable[[], Engine],
) -> None:
    """Label every usable pair."""
    rules = fitted_rules(folder.run, settings)
    total = sum(1 for _ in _items(folder.run))
    folder.write_chunks(
        AIPreference,
        _items(folder.run),
        total,
        settings.chunk_size,
        lambda: label_worker(engine(), settings, style, constitution, rules),
    )
    folder.finish(dict(label_counts(folder.run, folder.name)))


def fitted_rules(run: Run, settings: LabelSettings) -> Rules:
    """The rules of labels, with prior and temperature fitted on the audit's labels where the settings ask for it.

    Raises RunError where the audit has no label to fit on."""
    if settings.calibrate == "none":
        return settings.rules()
    from precepts.evals.calibration import fit

    try:
        found = fit(list(run.read("audit", AIPreference)), settings.rules(), settings.calibrate)
    except ValueError as error:
        raise RunError(f"label.calibrate: nothing can be fitted on the audit: {error}; use calibrate: none") from None
    return settings.rules(found.prior, found.temperature)


def label_worker(
    engine: Engine, settings: LabelSettings, style: Format, constitution: Constitution, rules: Rules
) -> Worker:
    """Labels chunks of comparisons with one engine."""
    labeler, shots = settings.make(style, constitution), len(settings.examples(constitution))

    def work(chunk: Chunk[Comparison]) -> ChunkResult:
        before = engine.usage.tokens_in, engine.usage.tokens_out
        records = label_comparisons(
            engine, labeler, chunk.items, constitution, chunk.seed, shots, rules, settings.options
        )
        return ChunkResult(records, engine.usage.tokens_in - before[0], engine.usage.tokens_out - before[1])

    return work


def label_counts(run: Run, stage: str) -> Mapping[str, int]:
    """How many of a stage's labels are scored, and how many are not, by reason."""
    labels = run.read(stage, AIPreference)
    return Counter(f"unscored: {each.unscored}" if each.unscored else "scored" for each in labels)


def _items(run: Run) -> Iterator[Comparison]:
    return (pair.comparison() for pair in run.read("pairs", Pair) if pair.unusable is None)
