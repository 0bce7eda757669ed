"""Seeds of one recipe beside each other: their spread, and where they disagree."""

from __future__ import annotations

from pathlib import Path

import yaml

from handmade import RECIPE, evaluation, write
from precepts.evidence import Evaluation
from precepts.report import compared_arms, write_comparison
from precepts.report.seeds import Seeds, seed_table, seeds_disagree, seeds_of
from precepts.runs.folder import Run


def folder_with(folder: Path, refused: dict[int, int], **more: object) -> Path:
    """An arm for each seed, in which RL-CAI refuses so many of 20 harmful requests and start none."""
    arms = {f"seed={seed}": {"seed": seed, **more} for seed in refused}
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**yaml.safe_load(RECIPE), "arms": arms}, sort_keys=False))
    for seed, count in refused.items():
        run = Run(folder / "arms" / f"seed={seed}")
        run.path.mkdir(parents=True)
        start = [evaluation("start", "red_team", n, "complies") for n in range(20)]
        rl = [evaluation("rl", "red_team", n, "refuses" if n < count else "complies") for n in range(20)]
        write(run, "evaluate", {"answers-start": (Evaluation, start), "answers-rl": (Evaluation, rl)})
    return folder


def test_the_spread_stands_beside_the_intervals(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {1: 10, 2: 12, 3: 14})
    (seeds,) = seeds_of(compared_arms(folder))
    assert seeds_disagree(seeds) == []
    table = seed_table(seeds)
    assert table.columns == ("Seed 1", "Seed 2", "Seed 3", "Mean", "Standard deviation")
    (row,) = table.rows
    values = ["−50\u00a0pt", "−60\u00a0pt", "−70\u00a0pt", "−60\u00a0pt", "10.0\u00a0pt"]
    assert [cell.value for cell in row.cells] == values
    assert "Spread between seeds" in write_comparison(folder).read_text("utf-8")


def test_seeds_that_disagree_are_told(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {1: 0, 2: 12})
    said = [each for seeds in seeds_of(compared_arms(folder)) for each in seeds_disagree(seeds)]
    assert said == [
        "The seeds disagree on harmful compliance, red-team: the change from start to RL-CAI is −60 to 0 points, and "
        "it is established in 1 of 2."
    ]
    assert "The seeds disagree on harmful compliance" in write_comparison(folder).read_text("utf-8")


def test_arms_that_differ_in_more_are_no_seeds(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {1: 0, 2: 12})
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    recipe["arms"]["seed=2"]["pm.labels"] = "hard"
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert seeds_of(compared_arms(folder)) == []
    assert "Spread between seeds" not in write_comparison(folder).read_text("utf-8")


def test_a_seed_that_is_not_evaluated_has_no_column(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {1: 10, 2: 12, 3: 14})
    for path in (folder / "arms" / "seed=3" / "evaluate").iterdir():
        path.unlink()
    table = seed_table(Seeds("", tuple(compared_arms(folder))))
    assert table.columns[:2] == ("Seed 1", "Seed 2") and len(table.rows[0].cells) == 4


def test_each_variant_has_the_spread_of_its_own_seeds(tmp_path: Path) -> None:
    """Two variants with two seeds each, and one that has a single seed and so no spread."""
    folder = folder_with(tmp_path, {1: 10, 2: 14, 3: 0, 4: 12, 5: 6})
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    for seed, labels, own in ((1, "soft", 1), (2, "soft", 2), (3, "hard", 1), (4, "hard", 2), (5, "raw", 1)):
        recipe["arms"][f"seed={seed}"] = {"seed": own, "pm.labels": labels}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    soft, hard = seeds_of(compared_arms(folder))
    assert [soft.name, hard.name] == ["pm.labels: soft", "pm.labels: hard"]
    table = seed_table(soft)
    assert (table.title, table.columns[:2]) == ("Spread between seeds, pm.labels: soft", ("Seed 1", "Seed 2"))
    assert [cell.value for cell in table.rows[0].cells] == [f"{n}\u00a0pt" for n in ("−50", "−70", "−60", "14.1")]
    assert seeds_disagree(soft) == []
    assert seeds_disagree(hard)[0].startswith("The seeds of pm.labels: hard disagree on harmful compliance")
    page = write_comparison(folder).read_text("utf-8")
    assert page.count("<h3>Spread between seeds, ") == 2 and "raw" in page
