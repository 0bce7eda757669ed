"""Stage `tournament`: who meets whom, what is asked, what is a tie, and a judge that is tried first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log
from typing import Any

import pytest

from handmade import evaluation
from precepts.constitution import Constitution
from precepts.engines import ChoiceRequest, Engine, ScriptedEngine
from precepts.engines.base import Usage
from precepts.engines.scripted import said
from precepts.errors import InputError
from precepts.evals.tournament import tournament as ratings
from precepts.evidence import Evaluation, Match
from precepts.records import AIPreference
from precepts.sources.read import SourceSettings
from precepts.stages import tournament
from precepts.stages.label import LabelSettings
from precepts.stages.tournament import TournamentSettings, evaluated, meetings

JUDGING = LabelSettings(shots=0, chunk_size=3)


def prefers_gold(request: ChoiceRequest) -> list[float]:
    """A judge for whom an answer with the word gold is better, wherever it stands."""
    first, _, second = said(request).rpartition("(B)")
    return [log(0.9 if "gold" in each else 0.1) for each in (first, second)]


def answer(model: str, number: int, text: str, kind: str = "red_team") -> Evaluation:
    return evaluation(model, kind, number, "complies", text=text)


@pytest.fixture
def played(open_folder: Any) -> Callable[..., Any]:
    """Writes answers of the models, and opens the stage."""

    def make(**texts: list[str]) -> Any:
        folder = open_folder("evaluate")
        for model, told in texts.items():
            rows = [answer(model.replace("_", "-"), n, text) for n, text in enumerate(told)]
            rows += [answer(model.replace("_", "-"), n, f"{text} indeed", "helpful") for n, text in enumerate(told)]
            folder.write_records(Evaluation, rows, set_name=f"answers-{model.replace('_', '-')}")
        folder.finish({})
        return open_folder("tournament")

    return make


def test_the_first_answer_to_a_prompt_is_played(open_folder: Any, constitution: Constitution) -> None:
    folder = open_folder("evaluate")
    for model, first in (("start", "tin"), ("sl", "gold")):
        rows = [replace(answer(model, 0, first if n == 0 else "gold or tin"), sample=n) for n in (2, 0, 1)]
        folder.write_records(Evaluation, rows, set_name=f"answers-{model}")
    folder.finish({})
    (match,) = play(open_folder("tournament"), constitution, TournamentSettings(aims=["harmless"]))
    assert {match.first, match.second} == {"tin", "gold"}


def play(folder: Any, constitution: Constitution, settings: TournamentSettings, **more: Any) -> list[Match]:
    by_aim = dict.fromkeys(settings.aims, constitution)
    engine: Engine = more.get("engine") or ScriptedEngine([], prefers_gold)
    tournament.run(folder, settings, JUDGING, "chat", by_aim, lambda: engine, more.get("audit_on"))
    return list(folder.run.read("tournament", Match, "matches"))


def test_every_model_meets_every_other_in_each_aim(played: Any, constitution: Constitution) -> None:
    folder = played(start=["a", "b"], sl=["gold c", "d gold"], rl_4=["e", "f"])
    assert evaluated(folder.run) == ["start", "rl-4", "sl"]
    found = play(folder, constitution, TournamentSettings())
    assert len(found) == 2 * 3 * 2
    assert {(m.aim, m.kind) for m in found} == {("harmless", "red_team"), ("helpful", "helpful")}
    for match in found:
        sides = {match.first_model: match.p_first, match.second_model: 1 - (match.p_first or 0)}
        assert sides.get("sl", 0.9) == pytest.approx(0.9)
        assert match.judge == "scripted" and match.labeler == "multiple_choice"
        assert [reading.order for reading in match.readings] == ["first", "swapped"]
        assert match.constitution_hash == constitution.hash
        hashes = {each.id: each.hash for each in constitution.principles}
        assert all(reading.principle_hash == hashes[reading.principle_id] for reading in match.readings)
    assert len({(m.first_model, m.second_model) for m in found}) > 3  # neither model always stands first
    board = ratings(found, "harmless")
    assert board.ratings["sl"].value > 100 > abs(board.ratings["rl-4"].value)


def test_the_principles_are_those_of_the_aim(played: Any, constitution: Constitution) -> None:
    folder = played(start=["a"], sl=["b"])
    other = constitution.model_copy(update={"principles": constitution.principles[:1]})
    engine = ScriptedEngine([], prefers_gold)
    by_aim = {"harmless": constitution, "helpful": other}
    tournament.run(folder, TournamentSettings(), JUDGING, "chat", by_aim, lambda: engine, None)
    found = list(folder.run.read("tournament", Match, "matches"))
    assert {r.principle_id for m in found if m.aim == "helpful" for r in m.readings} == {"rule-0"}
    assert {(m.aim, m.constitution_hash) for m in found} == {("harmless", constitution.hash), ("helpful", other.hash)}


@pytest.mark.parametrize(
    ("settings", "met"),
    [
        ({"pairing": "start"}, {("rl", "start"), ("sl", "start")}),
        ({"models": ["sl", "rl"]}, {("rl", "sl")}),
        ({"pairing": "all"}, {("rl", "start"), ("sl", "start"), ("rl", "sl")}),
    ],
)
def test_who_meets_whom(played: Any, settings: dict[str, Any], met: set[tuple[str, str]]) -> None:
    folder = played(start=["a"], sl=["b"], rl=["c"])
    found = meetings(folder.run, TournamentSettings.model_validate(settings))
    assert {tuple(sorted((each.first.model, each.second.model))) for each in found} == met


def test_a_higher_limit_only_adds(played: Any) -> None:
    folder = played(start=list("abcdef"), sl=list("uvwxyz"))
    ids = [{each.id for each in meetings(folder.run, TournamentSettings(limit=n))} for n in (2, 3, 6)]
    assert [len(each) for each in ids] == [4, 6, 12] and ids[0] < ids[1] < ids[2]


def test_equal_answers_tie_and_no_answer_is_unscored(played: Any, constitution: Constitution) -> None:
    folder = played(start=["same", "  ", "gold"], sl=["same", "b", "c"])
    engine = ScriptedEngine([], prefers_gold)
    found = play(folder, constitution, TournamentSettings(aims=["harmless"]), engine=engine)
    judged = {m.first: (m.p_first, m.unscored, len(m.readings)) for m in found}
    assert judged["same"] == (0.5, None, 0)
    assert [bool(m.constitution_hash) for m in found] == [bool(m.readings) for m in found]
    assert [each for each in judged.values() if each[1]] == [(None, "no_answer", 0)]
    state = folder.run.state("tournament")
    assert state and state.counts == {"harmless: scored": 2, "harmless: unscored: no_answer": 1}
    assert engine.usage != Usage() and state.tokens_in == engine.usage.tokens_in


def test_an_unknown_model_is_named(played: Any) -> None:
    folder = played(start=["a"], sl=["b"])
    with pytest.raises(InputError, match=r"tournament\.models: 'sll' was not evaluated; .*sl"):
        list(meetings(folder.run, TournamentSettings(models=["start", "sll"])))


def test_another_judge_is_tried_on_the_audits_comparisons(played: Any, constitution: Constitution) -> None:
    folder = played(start=["a"], sl=["b"])
    play(folder, constitution, TournamentSettings(), audit_on=[SourceSettings(source="builtin:comparisons", limit=5)])
    labels = list(folder.run.read("tournament", AIPreference, "audit"))
    assert len(labels) == 5 and all(each.human for each in labels)


def test_what_came_out_does_not_hang_on_chunks_done_before(played: Any, constitution: Constitution) -> None:
    folder = played(start=["a", "b"], sl=["c gold", "d"])
    whole = play(folder, constitution, TournamentSettings())
    (folder.path / "matches-00001.parquet").unlink()
    assert play(folder, constitution, TournamentSettings()) == whole
