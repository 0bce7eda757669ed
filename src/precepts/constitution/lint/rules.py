"""The rules: what each is called, how bad a finding is, why it matters and how to mend it.

1. An error makes a request do another thing than its name says, or would harm every run; a warning is probably worth a
   change; a note is something that research says, to be weighed.
2. `docs/lint/` has a page for each, written from here (`pages.py`), with what a test holds it to.
How it departs from the paper: see `checks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from precepts.constitution.lint import checks, contradictions, evasion, pairs, roles, words
from precepts.constitution.lint.words import Place
from precepts.constitution.schema import Constitution

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Rule:
    """A rule with what a person needs to know of it; `check` yields (principle, field, message)."""

    id: str
    severity: Severity
    title: str
    why: str
    mend: str
    check: Callable[[Constitution], Iterator[Place]]


def _rule(
    rule_id: str, severity: Severity, title: str, check: Callable[[Constitution], Iterator[Place]], why: str, mend: str
) -> tuple[str, Rule]:
    return rule_id, Rule(rule_id, severity, title, " ".join(why.split()), " ".join(mend.split()), check)


RULES: dict[str, Rule] = dict(
    [
        _rule(
            "duplicate",
            "error",
            "The same request twice",
            pairs.duplicate,
            """A request that stands twice is drawn twice as often, without anybody having decided it. Duplicated
            principles are among what went wrong when a constitution was collected from the public (Collective
            Constitutional AI, Anthropic 2023).""",
            "Take one out, or give the one that stays a higher weight.",
        ),
        _rule(
            "near-duplicate",
            "warning",
            "Nearly the same request twice",
            pairs.near_duplicate,
            """Two requests in nearly the same words count double, as duplicates do, and hide how narrow a
            constitution is.""",
            "Merge the two, or say what one asks that the other does not.",
        ),
        _rule(
            "contradiction",
            "warning",
            "Two principles that pull apart",
            contradictions.contradiction,
            """A label is made under one drawn principle. Where two ask for opposite things, labels of like pairs
            disagree and the preference model learns their average: nothing.""",
            "Say when each holds, or decide for one.",
        ),
        _rule(
            "no-choice",
            "error",
            "A comparison that asks for no choice",
            roles.no_choice,
            """The feedback model is shown two responses and read off at (A) and (B). A request that does not ask it to
            choose gives odds of nothing.""",
            "Begin with “Choose the response that ...” or “Which response ...”.",
        ),
        _rule(
            "critique-asks-revision",
            "error",
            "A critique request that asks for a revision",
            roles.critique_revises,
            """The critique is written before the revision and steers it (paper 3.1, figure 7). A model that is asked to
            rewrite at this point writes a second answer where its reasons should stand.""",
            "Ask what is wrong, where, and whom it would hurt; ask for the new response in `revision_request`.",
        ),
        _rule(
            "revision-asks-critique",
            "error",
            "A revision request that asks for a critique",
            roles.revision_criticises,
            """What the model writes here is what it is finetuned on. A critique in this place teaches it to answer
            people with criticism of itself.""",
            "Ask for the response again, without what is wrong: “Rewrite the assistant's last response so that ...”.",
        ),
        _rule(
            "rewards-evasion",
            "error",
            "Wording that rewards evasion",
            evasion.rewards_evasion,
            """A response that does not answer is harmless and useless. Rewarding it gives the evasive models that the
            paper set out to avoid (section 1.1): of two harmless answers people preferred the one that engages.""",
            "Ask for a response that says why it declines, and that helps with what can be helped with.",
        ),
        _rule(
            "no-openness",
            "warning",
            "Nothing speaks against evading",
            evasion.nothing_against_evasion,
            """Principles against harm alone are met best by refusing everything, and training finds that out: answers
            turn preachy and evasive (paper 4.3, over-training).""",
            "Add a principle against evasion, one against preaching, and one for answering what is safe.",
        ),
        _rule(
            "vague",
            "warning",
            "Vague wording",
            checks.vague,
            """A request for the “better” or “more appropriate” response asks for the feedback model's own taste, which
            nobody has signed.""",
            "Name what a reader could check in a response.",
        ),
        _rule(
            "unbounded",
            "warning",
            "Unbounded wording",
            checks.unbounded,
            """“Under any circumstances” and “anything that could possibly” admit no exception, so harmless requests
            that sound unsafe fall under them too: needless refusals.""",
            "Say what the harm is and to whom, and leave the rest to judgment.",
        ),
        _rule(
            "no-source",
            "warning",
            "No source",
            checks.no_source,
            """A constitution is what a team argues about and signs. Where a principle comes from is what makes it more
            than somebody's opinion.""",
            "Give the work, the section and an address, or say who of the team wrote it.",
        ),
        _rule(
            "placeholder",
            "error",
            "What belongs to a template",
            checks.placeholder,
            """Places to fill, “Options:” and role labels are put around a request when it is sent. Inside it they
            reach the model as they are, and a role label ends its turn.""",
            "Take it out of the request.",
        ),
        _rule(
            "negative-framing",
            "note",
            "Only what a response should not be",
            checks.negative,
            """Judgments under positively framed principles agreed better with people's than under negatively framed
            ones (Kyrychenko et al. 2025, C3AI). A model trained on “not” alone does not learn what to do instead.""",
            "Say what the better response does.",
        ),
        _rule(
            "trait-framing",
            "note",
            "A trait and no behaviour",
            checks.trait,
            """Principles about behaviour (“tells the human where to find help”) agreed better with people than those
            about traits (“is caring”) in the same study (C3AI, 2025).""",
            "Say what a response does that shows the trait.",
        ),
        _rule(
            "many-norms",
            "note",
            "Many norms in one",
            checks.many_norms,
            """A label under a principle of many parts cannot be traced to any of them, and small models follow the
            first or the last.""",
            "Split it into principles of one norm each.",
        ),
        _rule(
            "long",
            "warning",
            "A very long request",
            checks.long,
            """It is sent with every critique, revision and label, so it costs at each; and what stands in its middle is
            what models attend to least.""",
            "Keep what decides between two responses.",
        ),
        _rule(
            "dominant-weight",
            "warning",
            "One principle outweighs the rest",
            checks.heavy,
            """Draws follow the weights. A principle with more than ten times the usual weight leaves little of the
            others.""",
            "Lower the weight, or say in the description why it is so.",
        ),
        _rule(
            "unreviewed",
            "note",
            "Made by a program, not yet looked at",
            checks.derived,
            """Derived and drafted requests quote a sentence that was written for something else. They work, and they
            are nobody's decision yet.""",
            "Read it, mend it, and take the tag away.",
        ),
        _rule(
            "one-stage",
            "warning",
            "One stage has no principles",
            checks.uneven,
            """Stage 1 draws critique and revision requests, stage 2 comparison requests (paper 3.1 and 4.1). A run that
            needs the missing kind stops before it begins.""",
            "Add the missing requests, or run only the stage that has them.",
        ),
        _rule(
            "not-english",
            "note",
            "Not read: another language",
            words.unread,
            """The text rules know English words. In another language they would find errors that are none and miss
            those that are there, so only what needs no language was looked at.""",
            "Let somebody who reads it look; `--with MODEL` tries the principles on a model.",
        ),
    ]
)


def _no_text_rule(constitution: Constitution) -> Iterator[Place]:
    yield from ()


MODEL_RULES: dict[str, Rule] = dict(
    [
        _rule(
            "no-effect",
            "warning",
            "A principle that moves no label",
            _no_text_rule,
            """Asked under this principle alone, the model chooses as it does under a bare request to choose: the
            principle costs draws and teaches nothing. Principles that fit no prompt are among what went wrong in
            collected constitutions (Anthropic 2023). On few prompts, or with a model that cannot judge, this says
            little.""",
            "Try it on prompts of its own kind (`precepts constitution coverage`); reword it, or take it out.",
        ),
        _rule(
            "twin",
            "note",
            "Two principles that always agree",
            _no_text_rule,
            """Their effects on labels go together on every comparison tried: either one is enough, or this model cannot
            tell them apart.""",
            "Keep both if people can tell them apart, and look for a feedback model that can.",
        ),
        _rule(
            "contradiction-by-effect",
            "warning",
            "Two principles with opposite effects",
            _no_text_rule,
            """On the comparisons tried, what one moves towards a response the other moves away from it (correlation of
            -0.95 or below). Labels of like pairs then depend on which of the two was drawn, and the preference model
            learns their average. On few comparisons, or with a model that cannot judge, this says little.""",
            "Read the two side by side; say when each holds, or decide for one.",
        ),
    ]
)
ALL_RULES: dict[str, Rule] = {**RULES, **MODEL_RULES}
