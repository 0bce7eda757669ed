"""Stage `audit`: the feedback model labels comparisons that people have labelled, before its labels are trusted.

Reads labelled comparisons (the built-in ones, or the recipe's). Writes an AIPreference for each, with the response
that people preferred: how often the two agree, how sure the labels are and how much they follow an option's place is
computed from these (`evals.audit`), shown at once, and put into the report. With `label.calibrate` the labels of the
run are corrected by what is found here. The paper measures its feedback model the same way (section 4, figure 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import Field, field_validator

from precepts.constitution import Constitution
from precepts.engines import Engine
from precepts.errors import InputError
from precepts.prompts.formats import Format
from precepts.records import AIPreference, Comparison
from precepts.runs.folder import StageFolder
from precepts.settings import Settings
from precepts.sources.items import read_comparisons
from precepts.sources.read import SourceSettings
from precepts.stages.label import LabelSettings, label_counts, label_worker
from precepts.stages.prompts import short_form


class AuditSettings(Settings):
    """The labelled comparisons that a feedback model is measured on."""

    comparisons: list[SourceSettings] = Field(default=[SourceSettings(source="builtin:comparisons")], min_length=1)

    _short = field_validator("comparisons", mode="before")(short_form)


def run(
    folder: StageFolder,
    settings: AuditSettings,
    label: LabelSettings,
    style: Format,
    constitution: Constitution,
    engine: Callable[[], Engine],
) -> None:
    """Label the comparisons, and say what the labels are worth."""
    from precepts.evals.audit import audit  # numpy: a recipe is read without it

    items = list(labelled(settings.comparisons))
    if not items:
        raise InputError("audit.comparisons: no comparison can be used; see the rows of these sources")
    folder.write_chunks(
        AIPreference,
        items,
        len(items),
        label.chunk_size,
        lambda: label_worker(engine(), label, style, constitution, label.rules()),
    )
    folder.finish(dict(label_counts(folder.run, folder.name)))
    folder.say(f"audit of the feedback model: {audit(folder.run.read(folder.name, AIPreference), seed=0).text}")


def labelled(sources: list[SourceSettings]) -> Iterator[Comparison]:
    """The comparisons of these sources, each once, with the response that people preferred."""
    seen: set[str] = set()
    for source in sources:
        for row in read_comparisons(source, 0.0):
            if row is not None and row.id not in seen:
                seen.add(row.id)
                yield row.comparison()
