"""`lockgate explain WORD|ID`."""

from __future__ import annotations

import re
from difflib import get_close_matches

import click

from lockgate.cli.completion import topics
from lockgate.cli.render import Talk, json_option
from lockgate.core.shown import Lines, block
from lockgate.core.words import STATUSES, WORDS
from lockgate.errors import Usage


@click.command("explain", short_help="What a word or a finding id means.")
@click.argument("topic", required=False, default="", shell_complete=topics)
@json_option
def command(topic: str, as_json: bool) -> None:
    """Explain one of the eight words, a finding by its id, or how a threat stands. Without a topic: list the words."""
    from lockgate.core.catalog.all import FINDINGS

    talk = Talk(as_json)
    if not topic:
        talk.data(block(f"{word:<10} {text.split('. ')[0]}." for word, text in WORDS.items()))
        talk.result("words", {"words": WORDS})
        talk.next("lockgate explain contract", "lockgate explain LG203")
        return
    if topic.lower() in WORDS:
        text = WORDS[topic.lower()]
        talk.data(topic.lower())
        talk.data(_wrapped(text))
        talk.result("word", {"word": topic.lower(), "text": text})
        return
    if topic.upper() in STATUSES:
        talk.data(topic.upper())
        talk.data(_wrapped(STATUSES[topic.upper()]))
        talk.result("status", {"status": topic.upper(), "text": STATUSES[topic.upper()]})
        talk.next("lockgate threats")
        return
    finding = FINDINGS.get(topic.upper())
    if finding is None:
        threat = re.fullmatch(r"LT[0-9]{2}", topic.upper())
        near = get_close_matches(topic, [*WORDS, *FINDINGS], n=1)
        raise Usage(
            "LG941",
            f"{topic!r} is neither one of the eight words nor a finding id",
            next=f"lockgate threats {threat[0]}"
            if threat
            else f"lockgate explain {near[0]}"
            if near
            else "lockgate explain",
        )
    talk.data(f"{finding.id}  {finding.title}")
    talk.data(_wrapped(finding.why))
    talk.data(_wrapped("What to do: " + finding.do))
    talk.result("finding", {"id": finding.id, "title": finding.title, "why": finding.why, "do": finding.do})


def _wrapped(text: str) -> Lines:
    return block(click.wrap_text(text, 100, "    ", "    ").split("\n"))
