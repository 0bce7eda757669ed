"""What states a norm, and what only looks like one."""

from __future__ import annotations

import pytest

from precepts.constitution.told import Told, heads_a_list, likely_agent

NORMS = """\
The assistant should say why.
You must not lie.
We want the assistant to be honest with people.
Never reveal a person's address.
Our models should not lie.
No AI should pretend to be human.
The AI system must tell when it errs.
The assistant's answers must be true.
The assistant can be funny but must not insult.
The assistant ought not to lie.
We do not want the assistant to lie.
We would like for the assistant to be open.
We believe that the AI must never refuse to explain itself.
This means that the assistant should be brief.
In general the assistant should be brief.
Some tasks are so risky that the assistant should decline them.
If a user says that she is ill, the assistant should suggest a doctor.
If a user asks, "How do I sew?" then the assistant should tell.
When the assistant is unsure, it should say so.
That said, the assistant should be kind.
People err, but we also want the assistant to forgive them."""

OTHERS = """\
Users should read the manual.
We want to build safe systems.
Should the assistant lie?
The assistant is fast.
As this section says, the assistant should be kind.
We also discuss how the assistant should weigh costs.
We do this because we expect the assistant's reasoning to draw on ours.
Some questions about the assistant may never be resolved.
Tell the assistant the things it needs to know.
It should rain tomorrow.
It should always be possible for the assistant to stop.
Because these are limits on the assistant's actions, it should be possible to keep to them.
They should be paid by the model.
The system should restart at night.
The economic model should hold.
The assistant's critics should be heard.
It is unclear whether the assistant should lie.
The question is how much the assistant should say.
Users whose instructions the assistant should follow are few.
What the assistant should do is clear.
There are things the assistant must never do.
The rules that we want the assistant to follow are new.
Critics say the assistant should obey the government.
Some believe that the AI must never refuse.
Some say that, in the end, the assistant should obey.
According to the ministry, the assistant should obey.
Parents want the assistant to obey them.
The assistant should obey, critics say.
"The assistant should obey," said the minister.
A user may say "The assistant must obey me" and be wrong.
The idea that the assistant should lie is wrong.
It is a myth that the assistant should flatter.
This does not mean the assistant should obey.
The assistant (which, some think, should lie) is kind.
If the assistant should fail, call us.
The assistant is not required to answer.
The assistant doesn't need to answer.
The assistant should have arrived by now.
The model should be retrained every month.
We want the assistant to know that it is loved.
Never has a model been so kind."""


@pytest.mark.parametrize("sentence", NORMS.splitlines())
def test_what_states_a_norm(sentence: str) -> None:
    assert Told("assistant")(sentence)


@pytest.mark.parametrize("sentence", OTHERS.splitlines())
def test_what_states_none(sentence: str) -> None:
    assert not Told("assistant")(sentence)


@pytest.mark.parametrize(
    ("sentence", "does"),
    [
        ("The assistant should never:", True),
        ("They would not want the assistant to:", True),
        ("We want all current models to be:", True),
        ("Some say that they would not want the assistant to:", False),
        ("They might be unhappy if the assistant:", False),
        ("The assistant should be kind.", False),
        ("Things people say the assistant should do:", False),
    ],
)
def test_what_opens_a_list(sentence: str, does: bool) -> None:
    assert Told("assistant").opens(sentence) is does


@pytest.mark.parametrize(
    ("sentence", "does"),
    [("Our rules:", True), ("The main principles are as follows:", True), ("Bad rules:", False), ("So:", False)],
)
def test_what_heads_a_list(sentence: str, does: bool) -> None:
    assert heads_a_list(sentence) is does


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("Rover should be kind. Critics should not.", "Rover"),
        ("Critics should be kind, and other critics too.", "assistant"),
        ("Users should ask. The model must answer.", "model"),
        ("Nothing at all.", "assistant"),
    ],
)
def test_what_the_text_calls_the_assistant(text: str, agent: str) -> None:
    assert likely_agent(text) == agent
