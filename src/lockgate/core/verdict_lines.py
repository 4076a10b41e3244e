"""What the policies of several environments say of one model, in few lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lockgate.core.verdict import Level, Reason, Verdict

MOST_TOLD = 8
MOST_ALIKE = 2
_HEAVIEST_FIRST = (Level.REFUSE, Level.WARN, Level.NOTE)


def verdict_lines(verdicts: Mapping[str, Verdict]) -> Iterator[str]:
    """A line for each environment, then one for each reason, the heaviest first, with the command that mends it."""
    for environment, verdict in verdicts.items():
        mark = "✗" if verdict.refusals else "!" if verdict.result == "WARNED" else "✓"
        yield f"{mark} policy    {environment}: {_says(verdict)}"
        told = sorted(verdict.reasons, key=lambda reason: _HEAVIEST_FIRST.index(reason.level))
        lines = [f"{message}   {reason.next}".rstrip() for reason, message in few_alike(told)]
        yield from (f"    {line}" for line in lines[:MOST_TOLD])
        if lines[MOST_TOLD:]:
            yield f"    and {len(lines) - MOST_TOLD} more: lockgate policy check --env {environment} --json"


def few_alike(reasons: Iterable[Reason]) -> Iterator[tuple[Reason, str]]:
    """Each reason with its id and message; of many that say the same and lead to the same command, the first two.

    The last one told counts the others.
    """
    alike: dict[tuple[str, Level, str], list[Reason]] = {}
    for reason in reasons:
        alike.setdefault((reason.finding, reason.level, reason.next), []).append(reason)
    for group in alike.values():
        more = len(group) - MOST_ALIKE
        for number, reason in enumerate(group[:MOST_ALIKE], start=1):
            others = f" (and {more} more such)" if more > 0 and number == MOST_ALIKE else ""
            yield reason, f"{reason.finding}  {reason.message}{others}"


def verdict_words(verdicts: Mapping[str, Verdict]) -> str:
    """All of it in one line: `dev: yes; prod: no, 2 missing (LG434, LG512)`."""
    parts = []
    for environment, verdict in verdicts.items():
        ids = ", ".join(dict.fromkeys(reason.finding for reason in verdict.refusals))
        parts.append(f"{environment}: {_says(verdict)}" + (f" ({ids})" if ids else ""))
    return "; ".join(parts)


def _says(verdict: Verdict) -> str:
    if verdict.refusals:
        return f"no, {len(verdict.refusals)} missing"
    return "yes, with warnings" if verdict.result == "WARNED" else "yes"
