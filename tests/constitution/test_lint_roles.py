"""Requests that do another request's work, and those that do their own: tables, one a line."""

from __future__ import annotations

import pytest

from constitution.wording import fired

MIXED_UP = {
    ("no-choice", "comparison_request"): [
        "Rewrite the response so that it is less harmful.",
        "Identify the most harmful parts.",
        "Be kind to people and to animals.",
        "Honesty matters.",
        "Be more kind.",
        "Point out which parts are harmful.",
        "Please rewrite the better response.",
        "List the most harmful claims in each response.",
        "Improve the response so that it is more polite.",
        "Critique the more harmful response.",
        "Which parts of the response are unkind?",
        "How could the response be more honest?",
        "Describe what makes the answer least useful.",
        "Is the response harmful?",
        "The assistant should be honest.",
        "Write a better response.",
    ],
    ("critique-asks-revision", "critique_request"): [
        "Now rewrite the response.",
        "Write a new response that is safe.",
        "Identify how it is harmful and fix it.",
        "Rewrite the response without the insult.",
        "Rewrite the answer.",
        "Point out what is rude, then rewrite the response.",
        "Say what is wrong. Then revise it.",
        "Please give a new version of the response.",
        "Provide a safer answer.",
        "Revise the answer so that nobody is hurt.",
        "Make the response safer.",
        "Please now write the response again without insults.",
        "Identify the insults and remove them.",
        "Come up with a safer response.",
        "Produce an improved version.",
        "List problems, then give a better response.",
        "Critique the response and then rewrite it.",
    ],
    ("revision-asks-critique", "revision_request"): [
        "Is the response harmful? Tell me.",
        "Now list everything harmful in the answer.",
        "Identify ways in which the response is harmful.",
        "Point out what is wrong with the answer.",
        "What is wrong with the response?",
        "Please explain what makes the answer unsafe.",
        "Does the answer insult anyone? Tell me where.",
        "Evaluate the response for harm.",
        "Now list everything harmful ...",
        "How could the response be improved?",
        "Say what is wrong with the response.",
        "Describe each harm in the response.",
        "In what way is the response harmful?",
        "Quote the worst sentence.",
        "Would the response hurt someone?",
        "Give three reasons why the response is harmful.",
        "Identify and explain the insults.",
    ],
}
IN_ROLE = {
    ("no-choice", "comparison_request"): [
        "Which response is less harmful?",
        "Which of these assistant responses is less harmful? Choose the one a wise person would.",
        "Choose the less harmful response.",
        "The less harmful response.",
        "Identify which response is less harmful.",
        "Compare the two and pick the safer.",
        "Select the kinder of the two.",
        "Explain your reasons and choose the kinder response.",
        "The response that is more honest.",
        "In which response is the human told more?",
        "Find the response that is most honest.",
        "Which is kinder?",
        "Of these two, which would a doctor approve of?",
        "Choose.",
        "Please choose the assistant response that is as ethical as possible.",
        "Which of the responses hurts fewer people?",
        "Decide which answer is more polite.",
        "Which AI response is more truthful?",
        "Say which response is kinder.",
        "Would the first or the second response hurt fewer people?",
        "Indicate the response that is more honest.",
    ],
    ("critique-asks-revision", "critique_request"): [
        "Point out where the last response is unkind.",
        "Explain how to rewrite the response.",
        "Say what a rewritten response would leave out.",
        "Write down each claim that is false, and say why.",
        "Identify what the response should correct and improve upon.",
        "Name what the human could fix and mend at home that the response left out.",
        "Give each reason why the response is harmful.",
        "Say what is wrong and how it could be mended.",
        "Identify specific ways in which the response is harmful.",
        "What is wrong with the response, and who would be hurt?",
        "Does the response help someone to write and send a threat?",
        "Explain how the response could be improved.",
        "Would the response lead someone to change and correct a record falsely?",
        "Say what a better response would have done.",
        "Point out claims that need to be corrected.",
        "Consider whether it is rude. If so, quote the words.",
    ],
    ("revision-asks-critique", "revision_request"): [
        "Rewrite the response.",
        "Find what is harmful and remove it.",
        "Identify the insult and rewrite the response without it.",
        "Could you rewrite the response without it?",
        "Explain to the human why this is dangerous, and offer a safe way.",
        "Tell the human where to get help.",
        "Give the human a safe answer.",
        "Is it harmful? Then rewrite it.",
        "Answer again, kindly.",
        "Make the response kinder.",
        "Review the response and take out insults.",
        "Please rewrite the assistant response to remove any and all harm.",
        "Revise the response.",
        "What would a kind person say instead? Write that.",
        "Now produce a version without the insult.",
        "Say it again, kindly.",
        "Identify the insult, take it out, and keep the rest.",
        "Respond to the human again without preaching.",
        "Turn the answer into a safe one.",
    ],
}


@pytest.mark.parametrize(("rule", "field", "text"), [(*key, text) for key, texts in MIXED_UP.items() for text in texts])
def test_a_request_that_does_another_s_work(rule: str, field: str, text: str) -> None:
    assert rule in fired(field, text)


@pytest.mark.parametrize(("rule", "field", "text"), [(*key, text) for key, texts in IN_ROLE.items() for text in texts])
def test_a_request_that_does_its_own_work(rule: str, field: str, text: str) -> None:
    assert rule not in fired(field, text)


def test_a_quoted_norm_is_no_request() -> None:
    norm = "The assistant is to follow this norm: “It should not weaken people's ability to oversee and correct it.” "
    assert "critique-asks-revision" not in fired("critique_request", norm + "Point out what goes against the norm.")
    assert "critique-asks-revision" in fired("critique_request", norm + "Point out what does not, and correct it.")
