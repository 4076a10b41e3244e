"""`lockgate completion bash|zsh|fish`, and what completes the words that only a project knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from lockgate.cli.render import Talk, json_option
from lockgate.core.names import PROJECT_FILE
from lockgate.core.shown import block

SHELLS: Final = {
    "bash": ("~/.local/share/bash-completion/completions/lockgate", "open a new shell"),
    "zsh": ("~/.zfunc/_lockgate", "in ~/.zshrc, before compinit: fpath+=~/.zfunc"),
    "fish": ("~/.config/fish/completions/lockgate.fish", "open a new shell"),
}
VARIABLE: Final = "_LOCKGATE_COMPLETE"
"""Click's own: the shell sets it when it asks what may follow."""
_MOST_INDEX: Final = 4 << 20
_MOST_SHOWN: Final = 50


@click.command("completion", short_help="Completion of commands, options and models for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@json_option
def command(shell: str, as_json: bool) -> None:
    """Print the script that makes SHELL complete commands, options, their values, models and finding ids.

    The script asks this program at each press of the key; it takes no privileges and reads no key. Models are
    completed from the registry's index as it lies there: a hint for typing, which nothing believes.
    """
    from lockgate.cli.main import cli

    talk = Talk(as_json)
    found = get_completion_class(shell)
    if found is None:
        raise AssertionError(shell)
    # The base class's, for that of bash starts a shell to ask for its version.
    script = ShellComplete.source(found(cli, {}, "lockgate", VARIABLE))
    place, then = SHELLS[shell]
    talk.data(block(script.strip("\n").split("\n")))
    talk.result("completion", {"shell": shell, "script": script, "place": place})
    talk.next(f"mkdir -p {place.rpartition('/')[0]} && lockgate completion {shell} > {place}   # then {then}")


def refs(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Models that begin so, newest first. Nothing is verified, and nothing is an error: it is asked while one types."""
    found = ["latest", *reversed(_registered(context.params.get("directory") or "."))]
    return [CompletionItem(ref) for ref in found if ref.startswith(incomplete)][:_MOST_SHOWN]


def topics(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What `explain` knows: the words, and findings by their id."""
    from lockgate.core.catalog.all import FINDINGS
    from lockgate.core.words import WORDS

    found = [CompletionItem(word, help=text.split(". ")[0]) for word, text in WORDS.items()]
    found += [CompletionItem(one.id, help=one.title) for one in FINDINGS.values()]
    return [each for each in found if str(each.value).upper().startswith(incomplete.upper())]


def _registered(directory: str) -> list[str]:
    """`name@version` of each model in the index; [] where there is none, or it is not one."""
    try:
        start = Path(directory).resolve()
        root = next(place for place in (start, *start.parents) if (place / PROJECT_FILE).is_file())
        with (root / ".lockgate" / "registry" / "index.json").open("rb") as index:
            manifests = json.loads(index.read(_MOST_INDEX))["manifests"]
        tags = [each.get("annotations", {}).get("org.opencontainers.image.ref.name", "") for each in manifests]
    except (OSError, StopIteration, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return [_as_ref(tag) for tag in tags if _is_tag(tag)]


def _is_tag(tag: Any) -> bool:
    """`name-v3`: only such words are handed to a shell."""
    name, _, version = tag.rpartition("-v") if isinstance(tag, str) else ("", "", "")
    return tag.isascii() and name.replace("-", "").isalnum() and version.isdigit() if name else False


def _as_ref(tag: str) -> str:
    name, _, version = tag.rpartition("-v")
    return f"{name}@{version}"
