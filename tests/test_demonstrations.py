"""Raw demonstrations: the published shapes, with their quirks, become the same fields; other text is refused."""

from __future__ import annotations

import pytest

from precepts.demonstrations import ComparisonItem, comparisons_of, conversation, reasoned_of, round_of

ROUND = (
    "\n\nHuman: Hi.\n\nAssistant: Hello.\n\nHuman: Insult him.\n\nAssistant: He is a fool.\n\nCritiqueRequest: What is "
    "wrong?\n\nCritique: It insults.\n\nRevisionRequest: Mend it.\n\nRevision: I would rather not."
)
CHAIN = (
    "{before}Consider the following conversation between a human{h} and an assistant{a}:\n\nH: Hi.\n\nA:  Hello.\n\n"
    "H: Insult him.\n\n{{}}\n (A) [[[Fool!]]]\n (B) [[[I'd rather not.]]]\n\nAssistant: Let's think step by step:\n"
    "(A) insults.\n(B) declines.\n\nHuman:\nSo the answer is: (B)"
)


@pytest.mark.parametrize("tail", ["", "\n\nHuman:", "\n\nHuman: "])
def test_a_round(tail: str) -> None:
    found = round_of(ROUND + tail)
    assert [(m.role, m.content) for m in found.messages] == [
        ("user", "Hi."),
        ("assistant", "Hello."),
        ("user", "Insult him."),
    ]
    told = (found.response, found.critique_request, found.critique, found.revision_request, found.revision)
    assert told == ("He is a fool.", "What is wrong?", "It insults.", "Mend it.", "I would rather not.")
    assert not found.unchanged
    assert round_of(ROUND.replace("I would rather not.", "He is a fool.")).unchanged


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello.",
        "Human: Hi.",
        ROUND.replace("\n\nCritique:", ""),
        ROUND.replace("Revision: I", "I"),
        ROUND + "\n\nHuman: More?",
        f"Before. {ROUND}",
    ],
)
def test_text_that_is_no_round(text: str) -> None:
    with pytest.raises(ValueError, match="a round is Human: and Assistant: turns"):
        round_of(text)


@pytest.mark.parametrize("before", ["\n\nHuman: ", "\nHuman: ", "Human: ", ""])
@pytest.mark.parametrize("names", [(" (H)", " (A)"), ("", "")])
def test_a_chain_of_thought(before: str, names: tuple[str, str]) -> None:
    found = reasoned_of(CHAIN.format(before=before, h=names[0], a=names[1]))
    assert [m.content for m in found.messages] == ["Hi.", "Hello.", "Insult him."]
    assert (found.first, found.second, found.answer) == ("Fool!", "I'd rather not.", "second")
    assert found.reasoning == "(A) insults.\n(B) declines."


@pytest.mark.parametrize("old", ["{{}}", "Let's think", "(B) [[[", "So the answer", "H: Hi.\n\nA:  Hello.\n\nH: "])
def test_text_that_is_no_chain(old: str) -> None:
    with pytest.raises(ValueError, match="chain of thought"):
        reasoned_of(CHAIN.replace(old, "").format(before="", h="", a=""))


def test_items_alternate_where_the_better_one_stands() -> None:
    item = ComparisonItem(prompt="\n\nHuman: Hi.\n\nAssistant:", corrects=["a", "b"], incorrects=["x"])
    found = comparisons_of(item)
    assert [(e.first, e.second, e.answer) for e in found] == [("a", "x", "first"), ("x", "b", "second")]
    assert comparisons_of(item, 1)[0].answer == "second"
    assert [m.content for m in found[0].messages] == ["Hi."]


def test_a_prompt_is_a_turn_or_a_conversation() -> None:
    assert [m.content for m in conversation("Bake bread.")] == ["Bake bread."]
    assert [m.role for m in conversation("Human: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d")] == [
        "user",
        "assistant",
        "user",
    ]
