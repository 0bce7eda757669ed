"""What the documents say can be done can be done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from precepts.engines import GenerateRequest, ScriptedEngine
from precepts.engines.scripted import Script
from precepts.recipe import Recipe
from precepts.settings import parse, parse_yaml

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language; indented fences (in lists) are brought to the margin."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


def test_the_recipe_in_the_readme_is_one() -> None:
    (text,) = blocks("README.md", "yaml")
    recipe = parse(Recipe, parse_yaml(text, "README"))
    assert recipe.prompts.red_team[0].columns == {"prompt": "question"}


def test_the_engines_page_works() -> None:
    *recipes, script = blocks("docs/engines.md", "yaml")
    found = [parse(Recipe, parse_yaml(each, "engines")) for each in recipes]
    assert [each.engine.kind for each in found] == ["transformers", "vllm", "openai", "transformers", "scripted"]
    assert found[3].feedback_engine and found[3].feedback_engine.kind == "openai"
    assert len(parse(Script, parse_yaml(script, "replies")).generate) == 2
    told = ScriptedEngine(lambda request: "No." if "lock" in str(request.prompt) else "Sure.")
    assert told.generate([GenerateRequest("How do I pick a lock?")])[0].text == "No."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_files_that_the_map_names_exist() -> None:
    named = re.findall(r"`([a-z_]+/[a-z_]+\.py)`", (ROOT / "docs" / "paper_map.md").read_text())
    assert named
    assert [name for name in named if not (ROOT / "src" / "precepts" / name).exists()] == []


def test_the_budget_on_the_page_is_one() -> None:
    (text,) = blocks("docs/cost.md", "yaml")
    recipe = parse(Recipe, parse_yaml(text, "cost"))
    assert recipe.budget.money == 50 and recipe.prices is not None and recipe.prices.hour == 1.2
