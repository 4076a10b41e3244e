"""`lockgate log witness` and `lockgate log cosign`: others who have seen the logs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, project_option

if TYPE_CHECKING:
    from lockgate.audit.witness.key import WitnessKey
    from lockgate.audit.witness.server import Told

LOGS = click.Choice(["events", "predictions"])


class Address(click.ParamType[tuple[str, int]]):
    """HOST:PORT; port 0 lets the system choose one."""

    name = "HOST:PORT"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read it, or say how it is written."""
        if not isinstance(value, str):
            return value
        host, colon, port = value.rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 1 << 16):
            return self.fail(f"{value!r} is not 127.0.0.1:8099 or [::1]:8099", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


@click.command("witness")
@click.option("--listen", default="127.0.0.1:8099", show_default=True, type=Address(), help="Where it answers.")
@click.option("--log", "logs", multiple=True, metavar="VKEY", help="A log that it knows, by its verifier key.")
@click.option("--logs", "file", type=click.Path(exists=True, dir_okay=False), help="A file of them, one a line.")
@click.option("--name", default="", metavar="NAME", help="Its own name, such as witness.example.org/w1.")
@click.option("--key", default=None, type=click.Path(dir_okay=False), help="Its own key; made at the first start.")
@click.option("--state", default=None, type=click.Path(file_okay=False), help="Where it keeps what it cosigned.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase for a new key.")
@click.option("--tls-cert", default=None, type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="PEM.")
@click.option("--tls-key", default=None, type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Its key.")
@json_option
def witness(
    listen: tuple[str, int],
    logs: tuple[str, ...],
    file: str | None,
    name: str,
    key: str | None,
    state: str | None,
    passphrase: bool,
    tls_cert: str | None,
    tls_key: str | None,
    as_json: bool,
) -> None:
    """Run a witness (C2SP tlog-witness) for logs of anybody, until interrupted.

    It cosigns a log's checkpoint only where that log goes on from the one that it cosigned before. It needs no project:
    run it on a machine that the log's owner does not control, for that is all that it adds. Its record must never be
    restored from an older copy.
    """
    from socket import gethostname

    from lockgate.audit.witness.run import WitnessSpec, read_logs, run
    from lockgate.errors import Usage
    from lockgate.trust import pin
    from lockgate.trust.passphrases import NO_ROLE, new_passphrase

    talk = Talk(as_json)
    lines = Path(file).read_text("utf-8").splitlines() if file else []
    known = read_logs([*logs, *(line for line in lines if line.strip() and not line.startswith("#"))])
    if not known:
        raise Usage(
            "LG940", "a witness must know a log", next="lockgate log witness --log VKEY   # lockgate log cosign --vkeys"
        )
    if (tls_cert is None) != (tls_key is None):
        raise Usage("LG640", "TLS takes a certificate and its key, both", next="lockgate log witness --help")
    spec = WitnessSpec(
        *listen,
        name or f"{gethostname()}/lockgate-witness",
        known,
        Path(key) if key else pin.config_home() / "witness" / "witness.key",
        Path(state) if state else pin.state_home() / "witness",
        (Path(tls_cert), Path(tls_key)) if tls_cert and tls_key else None,
        (lambda: new_passphrase(NO_ROLE)) if passphrase else None,
    )

    def ready(own: WitnessKey, url: str) -> None:
        talk.data(own.verifier.line())
        talk.say(f"witness: {url}, knows {len({one.name for one in known})} logs; policy.toml of each wants:")
        talk.say("    [witness.NAME]")
        talk.say(f'    key = "{own.verifier.line()}"')
        talk.say(f'    url = "{url}"')
        talk.result("witness", {"vkey": own.verifier.line(), "url": url, "logs": [one.line() for one in known]})
        sys.stdout.flush()

    def told(one: Told) -> None:
        mark = "LG7012 a log that forked: " if one.forked else ""
        size = f", {one.size} entries" if one.size is not None else ""
        talk.say(f"{mark}{one.status} {one.origin}{size}: {one.why}")

    run(spec, ready=ready, tell=told)


@click.command("cosign")
@click.option("--vkeys", is_flag=True, help="Show the verifier keys of this project's logs, for a witness; ask nobody.")
@click.option("--request", default=None, type=click.Path(dir_okay=False), metavar="FILE",
              help="Write what a witness is to be sent, for one log; ask nobody.")  # fmt: skip
@click.option("--answer", default=None, type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="Take the lines that a witness answered with, for one log.")  # fmt: skip
@click.option("--which", "log", default="events", show_default=True, type=LOGS, help="For --request and --answer.")
@click.option("--old", default=0, type=click.IntRange(min=0), help="For --request: entries that it cosigned before.")
@click.option("--ca", default="", metavar="FILE", help="Authorities for https, in place of the system's.")
@project_option
@json_option
def cosign(
    vkeys: bool,
    request: str | None,
    answer: str | None,
    log: str,
    old: int,
    ca: str,
    directory: str,
    as_json: bool,
) -> None:
    """Have both logs cosigned by the witnesses that the policy names, now.

    Each is sent the checkpoint, and a proof that it goes on from the one before. What it answers is verified, and put
    beside the checkpoint. Exit 3 when a witness has seen another log than this one, or a longer one.
    """
    from lockgate.errors import Usage
    from lockgate.project import Project, cosigning, seen_by

    talk = Talk(as_json)
    project = Project.open(directory)
    if sum((vkeys, request is not None, answer is not None)) > 1:
        raise Usage("LG940", "one of --vkeys, --request and --answer", next="lockgate log cosign --help")
    if vkeys:
        keys = {one.name: one.vkey for one in seen_by.logs_of(project, project.ledger())}
        for vkey in keys.values():
            talk.data(vkey)
        talk.result("log-vkeys", {"logs": keys})
        talk.next(" ".join(["lockgate log witness", *(f"--log {vkey}" for vkey in keys.values())]))
        return
    if request is not None:
        body = cosigning.request_body(project, log, old)
        Path(request).write_bytes(body)
        talk.say(f"wrote {request}: POST it to a witness's /add-checkpoint")
        talk.result("log-cosign-request", {"file": request, "log": log, "old": old, "bytes": len(body)})
        talk.next(f"lockgate log cosign --which {log} --answer FILE")
        return
    if answer is not None:
        found = cosigning.take_answer(project, log, Path(answer).read_bytes()[: 1 << 20])
    else:
        found = project.ask_witnesses(ca=ca)
    for mark, text in found.lines:
        talk.line(mark, "cosign", text)
    found.check()
    talk.result("log-cosign", found.as_json())
    talk.next("lockgate log verify")
