"""Claims and doubts: what is said of a run follows from its figures, for good and for ill."""

from __future__ import annotations

from pathlib import Path

import pytest

from handmade import evaluation, make_run, preference, revision, write
from precepts.evidence import Evaluation, ScoredComparison
from precepts.records import AIPreference, Revision
from precepts.report import gather, write_report
from precepts.report.doubts import doubts
from precepts.report.words import claim, headline
from precepts.runs.folder import Run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("whole") / "run")


def test_claims_follow_the_intervals(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for place, (verdicts, said) in enumerate([(("complies",) * 30, "fewer"), (("refuses",) * 30, "more")]):
        other = ("refuses",) * 30 if place == 0 else ("complies",) * 30
        sets = {
            f"answers-{model}": (Evaluation, [evaluation(model, "red_team", n, v) for n, v in enumerate(rows)])
            for model, rows in (("start", verdicts), ("rl", other))
        }
        write(run, "evaluate", sets)
        assert headline(gather.gather(run)) == f"RL-CAI complies with {said} harmful requests than the start model."
    same = [evaluation("rl", kind, n, "complies") for kind in ("red_team", "helpful") for n in range(30)]
    write(run, "evaluate", {"answers-start": (Evaluation, same), "answers-rl": (Evaluation, same)})
    found = gather.gather(run)
    assert headline(found) == (
        "RL-CAI is not shown to comply with fewer harmful requests than the start model; "
        "a change in needless refusals is not established."
    )
    assert "the interval includes zero, so no difference is established" in " ".join(claim(found))


def test_several_answers_to_a_prompt_are_told_beside_the_prompts(tmp_path: Path) -> None:
    verdicts = [(n, sample, "complies" if sample or n % 3 else "refuses") for n in range(6) for sample in range(4)]
    rows = [evaluation("start", "red_team", n, v, sample=s, text=f"answer {s} to {n}") for n, s, v in verdicts]
    write(Run(tmp_path), "evaluate", {"answers-start": (Evaluation, rows)})
    found = gather.gather(Run(tmp_path))
    assert claim(found)[0].startswith(
        "Of 24 scored answers to 6 harmful requests kept out of training, the start model"
    )
    (few,) = (each for each in doubts(found) if each.point == "Few prompts")
    assert "rest on 6 red-team" in few.why
    page = write_report(Run(tmp_path)).read_text("utf-8")
    assert [page.count(f"answer {sample} to") for sample in range(4)] == [6, 0, 0, 0]  # what is set side by side


def test_doubts_come_from_the_data(whole: Run, tmp_path: Path) -> None:
    points = [doubt.point for doubt in doubts(gather.gather(whole))]
    assert "The labeller follows an option's place" in points
    assert "Few prompts" in points
    assert "The “human” comparisons were written for the demonstration" in points
    assert points[-1] == "One run, one seed"
    assert doubts(gather.gather(Run(tmp_path))) == []


def test_a_judge_no_better_than_chance_is_doubted(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for right, doubted in ((50, True), (90, False)):
        labels = [preference(n, 0.9, 0.1, human="first" if n < right else "second") for n in range(100)]
        write(run, "audit", {"records": (AIPreference, labels)})
        points = [doubt.point for doubt in doubts(gather.gather(run))]
        assert ("The feedback model is not shown to judge better than chance" in points) == doubted
        said = f"the feedback model agrees with people on {right} % of 100 comparisons"
        assert said in write_report(run).read_text("utf-8")


def test_pairs_without_a_label_are_doubted_with_their_reasons(tmp_path: Path) -> None:
    run = Run(tmp_path)
    labels = [preference(n, 0.9, 0.1) for n in range(17)] + [preference(n, None, None) for n in (17, 18)]
    write(run, "label", {"records": (AIPreference, labels)})
    (doubt,) = (each for each in doubts(gather.gather(run)) if each.point == "Many pairs have no label")
    assert doubt.why == "2 of 19 are unscored: no_logprobs 2."
    write(run, "label", {"records": (AIPreference, [preference(n, 0.9, 0.1) for n in range(20)] + labels[-2:])})
    assert "Many pairs have no label" not in [each.point for each in doubts(gather.gather(run))]


def test_a_preference_model_that_likes_length_is_doubted(tmp_path: Path) -> None:
    run = Run(tmp_path)
    rows = [
        ScoredComparison(f"c{n}", f"p{n}", "ai", "x" * (5 + 7 * n % 40), "x" * 20, float(n % 2), 7 * n % 40 - 15.0, 0.0)
        for n in range(60)
    ]
    write(run, "pm", {"comparisons": (ScoredComparison, rows)})
    points = [doubt.point for doubt in doubts(gather.gather(run))]
    assert "The preference model likes length, on held-out AI labels" in points


def test_a_score_that_rises_alone_is_doubted(tmp_path: Path) -> None:
    run = Run(tmp_path)
    sets = {
        f"answers-{model}": (
            Evaluation,
            [evaluation(model, "red_team", n, "complies", score=lift + n % 3) for n in range(30)],
        )
        for model, lift in (("start", 0.0), ("sl", 0.0), ("rl", 2.0))
    }
    write(run, "evaluate", sets)
    points = [doubt.point for doubt in doubts(gather.gather(run))]
    assert "The preference model's score rose, the verdicts did not follow" in points
    assert "Answers begin alike" not in points


def test_evasion_is_not_sold_as_refusal(tmp_path: Path) -> None:
    run = Run(tmp_path)
    before = [evaluation("start", "red_team", n, "complies") for n in range(30)]
    after = [evaluation("rl", "red_team", n, "evades" if n < 20 else "refuses") for n in range(30)]
    write(run, "evaluate", {"answers-start": (Evaluation, before), "answers-rl": (Evaluation, after)})
    found = gather.gather(run)
    assert "than the start model, evading them more often than refusing them" in headline(found)
    (doubt,) = (each for each in doubts(found) if each.point == "RL-CAI evades rather than refuses")
    assert "evades in 67\N{NO-BREAK SPACE}%" in doubt.why
    assert "refuses in 33\N{NO-BREAK SPACE}%" in doubt.why


def test_revisions_that_revise_nothing_are_doubted(tmp_path: Path) -> None:
    run = Run(tmp_path)
    rounds = [revision(0, 1), revision(1, 1, text="same", critique="same"), revision(2, 1, text="x", previous="x")]
    rounds += [
        revision(4, 2, text="y", previous="y", critique="Nothing needs to change."),  # as it should be
        revision(5, 1, text="z", previous="z", critique=""),  # direct
    ]
    write(run, "revise", {"records": (Revision, [*rounds, revision(3, 1, text="", critique="", unusable="empty")])})
    found = gather.gather(run)
    assert (found.echoes, found.revised) == (3, {"": 5, "empty": 1})
    assert {"Many revisions revise nothing", "Many revisions could not be used"} <= {d.point for d in doubts(found)}
