"""A procedure as a graph: every step is reached, and every way comes to an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from retrieval.articles import Article, Step
from retrieval.errors import Problem


def goes_on_in_order(step: Step) -> bool:
    """Whether an answer may lead to the step written below this one.

    Two answers or more leave nothing over; after one, the other answer goes on in order.
    """
    return not step.is_end and len(step.branches) < 2


def check_procedure(
    article: Article, file: Path, branch_lines: Mapping[tuple[str, str], int]
) -> Iterator[Problem]:
    """What is wrong with the ways through a procedure.

    Args:
        article: Of kind "procedure".
        file: That it was read from.
        branch_lines: The line of each branch, by anchor of its step and label.
    """
    steps = {step.anchor: step for step in article.steps}
    if not any(step.is_end for step in steps.values()):
        yield Problem(
            file,
            1,
            "the procedure has no end",
            "add a last section whose anchor begins with `end`: `## If nothing helped {#end}`",
        )
        return
    order = list(steps)
    ways: dict[str, set[str]] = {anchor: set() for anchor in order}
    for index, anchor in enumerate(order):
        step = steps[anchor]
        if step.is_end:
            if step.branches:
                yield Problem(
                    file,
                    step.line,
                    f"the end `{anchor}` leads on",
                    "remove its branches, or give it an anchor that is no end",
                )
            continue
        for branch in step.branches:
            if branch.target in steps:
                ways[anchor].add(branch.target)
            else:
                yield Problem(
                    file,
                    branch_lines[anchor, branch.label],
                    f"there is no step `{branch.target}`",
                    "correct the branch or add `{#" + branch.target + "}` to a heading",
                )
        if goes_on_in_order(step):
            if index + 1 < len(order):
                ways[anchor].add(order[index + 1])
            else:
                yield Problem(
                    file,
                    step.line,
                    f"nothing follows the step `{anchor}`",
                    "add an end after it: `## If nothing helped {#end}`",
                )
    reached = _closure(ways, {order[0]})
    for anchor in order:
        if anchor not in reached:
            yield Problem(
                file,
                steps[anchor].line,
                f"the step `{anchor}` cannot be reached",
                "name it in a branch, or move it to where it should come in order",
            )
    backwards: dict[str, set[str]] = {anchor: set() for anchor in order}
    for anchor, targets in ways.items():
        for target in targets:
            backwards[target].add(anchor)
    ending = _closure(backwards, {anchor for anchor in order if steps[anchor].is_end})
    for anchor in order:
        if anchor in reached and anchor not in ending and ways[anchor]:
            yield Problem(
                file,
                steps[anchor].line,
                f"from the step `{anchor}` no end can be reached",
                "let one of its answers, or of the steps in the loop, lead to an end",
            )


def _closure(ways: Mapping[str, set[str]], start: set[str]) -> set[str]:
    """All that can be reached from `start`, which is part of it."""
    reached: set[str] = set()
    waiting = set(start)
    while waiting:
        here = waiting.pop()
        reached.add(here)
        waiting |= ways[here] - reached
    return reached
