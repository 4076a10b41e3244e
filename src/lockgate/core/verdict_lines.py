"""What the policies of several environments say of one model, in few lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lockgate.core.verdict import Level, Verdict

MOST_TOLD = 8
_HEAVIEST_FIRST = (Level.REFUSE, Level.WARN, Level.NOTE)


def verdict_lines(verdicts: Mapping[str, Verdict]) -> Iterator[str]:
    """A line for each environment, then one for each reason, the heaviest first, with the command that mends it."""
    for environment, verdict in verdicts.items():
        mark = "✗" if verdict.refusals else "!" if verdict.result == "WARNED" else "✓"
        yield f"{mark} policy    {environment}: {_says(verdict)}"
        told = sorted(verdict.reasons, key=lambda reason: _HEAVIEST_FIRST.index(reason.level))
        for reason in told[:MOST_TOLD]:
            yield f"    {reason.finding}  {reason.message}   {reason.next}".rstrip()
        if told[MOST_TOLD:]:
            yield f"    and {len(told) - MOST_TOLD} more: lockgate policy check --env {environment} --json"


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
