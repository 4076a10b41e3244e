"""`lockgate`: finds the verb, runs it, and turns every error into a finding, an exit code and a next command."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.render import Talk
from lockgate.errors import EXIT_CANNOT, EXIT_USAGE, LockgateError, Unavailable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# In the order of the pipeline, then what is beneath and around it; `--help` keeps it.
VERBS: dict[str, str] = {
    "init": "Make a project that runs as it is: folder, keys, pinned root.",
    "demo": "The whole pipeline on real data, served, verified, attacked, in about a minute.",
    "doctor": "What this machine can isolate, what is missing, and the command that mends it.",
    "lock": "Pin every package of training by hash, with what Lockgate needs itself.",
    "run": "Ingest, validate, train, judge, register. --deploy: and deploy what is new.",
    "ingest": "Take the data in: a write-once snapshot with a signed origin.",
    "validate": "Judge each row by the contract; works without a project too.",
    "review": "Look at doubtful rows; mark them good or bad.",
    "try": "Drafts: try parameters in the jail, compare, promote one. Signs no draft.",
    "check": "Before a long training: would it run, convert, and fit? Signs nothing.",
    "train": "Train in the jail and judge on rows that training never saw.",
    "register": "Scan, sign and register the candidate, write-once.",
    "scan": "Look at model files: proved harmless, or refused and named; no project needed.",
    "jail": "Run a command in the very jail that training gets.",
    "verify": "Check a model, a receipt, a folder or everything, back to the root you pinned.",
    "sign": "Sign any model directory (OpenSSF Model Signing).",
    "diff": "What became another between two models: data, code, packages, metrics, policy.",
    "models": "List what is registered.",
    "show": "One model's page.",
    "approve": "Approve a model for an environment, as a person.",
    "waive": "Let one finding pass in an environment, signed, for a while.",
    "deploy": "Move a model in an environment, if its policy agrees: a rung up, or live.",
    "rollback": "Go back: a stage to an earlier statement, an environment to an earlier model.",
    "revoke": "Take a model out of service for good.",
    "status": "Where everything stands, and what to do next.",
    "monitor": "Has what comes changed? Of what is served; of two files too.",
    "predict": "Score a whole file: same contract, jail and record, no network.",
    "serve": "Answer requests: gateway, jailed workers, sealer; on loopback, or with TLS.",
    "push": "Carry a model with all its evidence to an OCI registry.",
    "pull": "Fetch a model with its evidence, or as a plain folder.",
    "convert": "Turn a pickle, checkpoint or other model file into one that cannot run code.",
    "import": "Take in a model that was made elsewhere, by digest and signer.",
    "feedback": "Labels that came later: match them with predictions, record them.",
    "clients": "API keys: add, list, rotate, revoke; who is suspected.",
    "drill": "Replay attacks against a twin of your project; see what stops each.",
    "threats": "How each threat stands, by the evidence of this moment.",
    "gc": "Clean away drafts, old data and environments that nothing needs; never evidence.",
    "trust": "The root, the roles, who holds which key.",
    "policy": "Sign a changed policy; say what became looser.",
    "log": "The audit log: show, verify, prove, add.",
    "export": "What others need: evidence, bill of materials, model card, manifests, units, a workflow.",
    "explain": "What a word or a finding id means.",
    "completion": "Completion of commands, options and models for bash, zsh or fish.",
}


class Verbs(click.Group):
    """A group that imports a verb's module only when that verb is called (Click's documented lazy loading)."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002, D102 - Click's interface
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002, D102
        if cmd_name not in VERBS:
            return None
        # `import` and `try` are words of Python's own: their files bear an underscore.
        name = f"{cmd_name}_" if cmd_name in ("import", "try") else cmd_name
        command: click.Command = import_module(f"lockgate.cli.{name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:  # noqa: D102
        # Click's own imports every verb, to ask for its line.
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=line) for name, line in VERBS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002, D102
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(  # noqa: D102 - Click's interface
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in VERBS:
            from difflib import get_close_matches

            near = get_close_matches(name, VERBS, n=1)
            hint = f" Did you mean `lockgate {near[0]}`?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 ok, 1 refused, 2 usage, 3 verification failed, 4 this machine cannot. "
    "Each finding has an id: lockgate explain LG203.",
)
@click.version_option(package_name="lockgate", prog_name="lockgate")
def cli() -> None:
    """From data, a Pydantic contract and train.py to a served model whose whole history can be proved."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code of the CLI contract. Never shows a traceback."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    talk = Talk(json="--json" in _before_dashes(arguments))
    try:
        value = cli.main(args=arguments, standalone_mode=False, prog_name="lockgate")
    except LockgateError as error:
        talk.error(error)
        return error.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        talk.usage(error)
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        talk.say("stopped")
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`): not an error. Keep the interpreter from flushing into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        talk.error(_of_the_system(error))
        return EXIT_CANNOT
    except MemoryError:
        talk.error(Unavailable("LG943", "this machine has no memory left", next="lockgate doctor"))
        return EXIT_CANNOT
    except Exception as error:  # noqa: BLE001 - the last line: a bug of ours becomes a finding, not a traceback
        talk.bug(error)
        return EXIT_CANNOT
    return value if isinstance(value, int) else 0


def _of_the_system(error: OSError) -> LockgateError:
    seen: dict[str, Any] = {"error": error.strerror or str(error)}
    if error.filename:
        seen["path"] = str(error.filename)
    return Unavailable(
        "LG944", "the file system said no; nothing was half-written", seen=seen, next="df -h . && lockgate doctor"
    )


def _before_dashes(arguments: list[str]) -> list[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments
