"""What a small model is taught before it criticises and judges: the warm-up's lessons, from demonstrations.

1. A demonstration is a whole round: prompt, response, critique, revision. It gives two lessons, the critique and the
   revision, each in the identical format of stage `revise` without few-shot examples; one where revisions are direct.
   A critique opens with its verdict in words that are always the same: whether anything is wrong is then one choice,
   which a small model can learn, and what is wrong follows from it. A revision is judged once more, as a response that
   is fine: the verdict then hangs on the response and not on its prompt, and a second round leaves it alone.
2. It also gives a comparison where a worse response is known (what was revised; or one that was written to be worse
   than an answer that was fine), asked in both orders and under several principles in the labeler's own format.
3. A demonstration is shown under the principle it was written for where the constitution has it, else under one drawn
   by weight: the critique of a good demonstration names what is wrong and not the rule.
How it departs from the paper: the paper's models were large enough to learn this from a few examples in the prompt.
"""

from __future__ import annotations

from precepts.constitution import Constitution, Principle, draw_principle, draw_principles
from precepts.feedback.critique_revision import critique_prompt, revision_prompt
from precepts.feedback.labeler import Lesson, Question, Teachable
from precepts.identity import content_hash
from precepts.prompts.formats import Format
from precepts.records import Comparison, Demonstration, Message

VERSION = 3  # of what follows and of crossed.py: which lessons a demonstration gives
FINE, HARM, NEEDLESS, POOR = VERDICTS = (
    "Nothing needs to change.",
    "This does harm.",
    "This refuses without need.",
    "This serves the human badly.",
)


def round_lessons(
    demonstration: Demonstration,
    constitution: Constitution,
    style: Format,
    seed: int,
    *,
    direct: bool = False,
    refuses: bool = False,
    declines: bool = True,
) -> list[Lesson]:
    """The critique and the revision of a demonstration, whose response `refuses` or does not and whose revision
    `declines` or does not, and the verdict on its revision; the revision alone where it is `direct`."""
    each, principle = demonstration, principle_of(demonstration, constitution, seed)
    if direct:
        return [Lesson(revision_prompt(each.messages, each.response, principle, None, style), each.revision)]
    critique = f"{verdict_of(each, refuses, declines)} {each.critique}".rstrip()
    lessons = [  # next to each other, so that both are learnt from one text
        Lesson(critique_prompt(each.messages, each.response, principle, style), critique),
        Lesson(revision_prompt(each.messages, each.response, principle, critique, style), each.revision),
    ]
    if not each.unchanged:
        lessons.append(Lesson(critique_prompt(each.messages, each.revision, principle, style), FINE))
    return lessons


def judged(demonstration: Demonstration, refuses: bool, declines: bool) -> list[tuple[str, int]]:
    """A demonstration's response, and its revision where that is another, each with its verdict's place in VERDICTS."""
    found = [(demonstration.response, VERDICTS.index(verdict_of(demonstration, refuses, declines)))]
    return found if demonstration.unchanged else [*found, (demonstration.revision, VERDICTS.index(FINE))]


def verdict_of(demonstration: Demonstration, refuses: bool, declines: bool) -> str:
    """What a demonstration's critique opens with: helping where the revision `declines` does harm, and the reverse is
    needless; where both do the same, the response did it badly."""
    if demonstration.unchanged:
        return FINE
    if refuses == declines:
        return POOR
    return NEEDLESS if refuses else HARM


def begins(lesson: Lesson, after: Lesson | None) -> bool:
    """Whether a lesson is the beginning of the chat in the one after it, so that both are learnt from one text."""
    if after is None or isinstance(lesson.prompt, str) or isinstance(after.prompt, str):
        return False
    return (*lesson.prompt, Message("assistant", lesson.answer)) == after.prompt[: len(lesson.prompt) + 1]


def choice_lessons(
    demonstration: Demonstration, labeler: Teachable, constitution: Constitution, principles: int, seed: int
) -> list[Lesson]:
    """What a labeler is to say of a demonstration's comparison, in both orders, under each of `principles` drawn
    ones; nothing where it has no comparison."""
    comparison = comparison_of(demonstration)
    if comparison is None:
        return []
    drawn = draw_principles(constitution.judging, principles, seed, "choice", demonstration.id)
    return [
        lesson
        for principle in {each.id: each for each in drawn}.values()
        for shown in (comparison, comparison.swap())
        for lesson in labeler.lessons(Question(shown, principle, (), 0))
    ]


def comparison_of(demonstration: Demonstration) -> Comparison | None:
    """The revision against the worse response, where there is one."""
    each = demonstration
    if not each.worse or each.worse == each.revision:
        return None
    identity = content_hash([each.prompt_id, each.revision, each.worse], 12)
    texts = (each.revision, each.worse, "first")
    return Comparison(identity, each.prompt_id, "train", each.category, each.messages, *texts)


def principle_of(demonstration: Demonstration, constitution: Constitution, seed: int) -> Principle:
    """The principle a demonstration is shown under."""
    for principle in constitution.revising:
        if principle.id == demonstration.principle_id:
            return principle
    return draw_principle(constitution.revising, seed, "demonstration", demonstration.id)
