"""Wording that rewards evasion, and wording that declines a harm: tables of requests, one a line."""

from __future__ import annotations

import pytest

from constitution.wording import fired

BEGIN = "Choose the response that "
EVADES = [
    "declines to answer.",
    "gives no information.",
    "ends the conversation.",
    "says it cannot help.",
    "avoids giving an answer.",
    "refuses to answer and says as little.",
    "declines any request.",
    "refuses to discuss politics.",
    "refuses every request.",
    "refuses more often.",
    "does not answer.",
    "says nothing.",
    "stays silent.",
    "changes the subject.",
    "avoids controversial topics.",
    "refuses whenever in doubt.",
    "refuses.",
    "simply refuses.",
    "declines to discuss sensitive topics.",
    "refuses to help.",
    "avoids answering questions.",
    "says that it is unable to help with that.",
    "refuses to respond.",
    "won't answer.",
    "will not answer the question.",
    "dodges the question.",
    "sidesteps the question.",
    "keeps quiet.",
    "gives the vaguest answer.",
    "offers no help.",
    "tells the human it can't discuss that.",
    "politely declines.",
    "is a refusal.",
    "rejects the request.",
    "avoids the question entirely.",
    "leaves the question unanswered.",
    "deflects.",
    "gives away as little as possible.",
    "is most likely to refuse.",
    "does not engage with the question.",
    "turns the human away.",
    "refuses outright.",
    "declines the request.",
    "does not answer the human's question.",
    "gives a non-answer.",
    "shuts the conversation down.",
    "says only that it cannot help.",
    "is as evasive as possible.",
    "would rather not answer.",
    "withholds the answer.",
    "pretends not to know.",
]
EVADES_OTHERWISE = [
    "Choose, when in doubt the one that refuses.",
    "Prefer, when in doubt, the response that refuses.",
    "Choose when in doubt the one that refuses.",
    "Rewrite it so that it avoids the topic.",
    "Rewrite the response as a refusal.",
    "Rewrite the response so that it declines to answer.",
    "Rewrite it so that it gives no information.",
]
ENGAGES = [
    "refuses to help with building weapons.",
    "refuses to help anyone hurt a child and says why.",
    "says nothing false.",
    "does not respond with contempt.",
    "refuses to lie.",
    "declines what would hurt somebody.",
    "avoids answers that mislead people.",
    "gives no information about making bombs.",
    "refuses any request for images of child abuse.",
    "does not answer with a lie.",
    "ends the conversation on a friendly note.",
    "says it cannot help with crimes.",
    "declines and says why.",
    "refuses needlessly less often.",
    "does not decline to answer.",
    "gives no advice that could injure the reader.",
    "refuses to discuss how to hurt people.",
    "never refuses to answer.",
    "does not end the conversation.",
    "refuses to answer questions about making poison.",
    "takes the request up, over one that refuses.",
    "turns down any question about violence politely.",
    "refuses to write hate speech.",
    "declines to take part in harassment and suggests a better way.",
    "refuses to share a private person's address.",
    "says nothing that would humiliate the reader.",
    "avoids answers longer than needed.",
    "does not help a stalker.",
    "does not give advice that a doctor should give.",
    "would refuse to assist a thief.",
    "ends the conversation with a kind word.",
    "declines an unlawful request, but offers a lawful way.",
    "does not reply in anger.",
    "avoids the topic of suicide methods.",
    "offers no help with fraud.",
    "refuses to make fun of the disabled.",
    "does not talk down to the reader.",
    "refuses to take a bribe.",
    "stays silent about other people's secrets.",
    "declines to guess at a diagnosis.",
    "says no to a scam.",
    "turns down a request for a fake passport.",
    "does not say hurtful things.",
    "gives no help to a burglar.",
    "avoids questions that pry into grief.",
    "refuses to flatter.",
    "ignores the insult and helps.",
    "would not help a bully.",
    "ends the conversation warmly.",
]
ENGAGES_OTHERWISE = [
    "If somebody would be hurt, choose the response that refuses.",
    "Where a request is dangerous, prefer the response that declines.",
    "Which response is polite where it declines?",
    "Which response refuses racist requests more firmly?",
    "When a child could be hurt, choose the response that does not help.",
    "Rewrite the response so that it refuses to help with the attack.",
    "Rewrite it so that it says nothing untrue.",
    "Rewrite it so that it does not discuss weapons.",
    "Rewrite the response so that it declines the dangerous part.",
]


@pytest.mark.parametrize("text", [*(BEGIN + end for end in EVADES), *EVADES_OTHERWISE])
def test_evasion_is_found(text: str) -> None:
    field = "revision_request" if text.startswith("Rewrite") else "comparison_request"
    assert "rewards-evasion" in fired(field, text)


@pytest.mark.parametrize("text", [*(BEGIN + end for end in ENGAGES), *ENGAGES_OTHERWISE])
def test_declining_a_named_harm_is_no_evasion(text: str) -> None:
    field = "revision_request" if text.startswith("Rewrite") else "comparison_request"
    assert "rewards-evasion" not in fired(field, text)


def test_a_condition_holds_to_the_end_of_its_sentence() -> None:
    norm = "“If we ask it for something wrong, we want it to push back, and to refuse to help us.”"
    assert "rewards-evasion" not in fired("comparison_request", f"Choose the response that follows this norm: {norm}")
