"""`lockgate serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockgate.cli.carried import folder_of, is_remote, need_root, project_of
from lockgate.cli.render import Talk, json_option, project_option

if TYPE_CHECKING:
    from lockgate.serve.logs import Form


@click.command("serve", short_help="Answer requests: gateway, jailed workers, sealer; on loopback, or with TLS.")
@click.argument("ref", required=False, default="", metavar="[REF|REMOTE]")
@click.option("--env", "environment", default="dev", show_default=True, help="Which environment's live model.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback, unless TLS is served.")
@click.option("--port", type=int, default=None, help="Default: [serve] port.")
@click.option("--gateways", type=int, default=None, help="How many answer on the port. Default: [serve] gateways.")
@click.option("--tls-cert", default="", metavar="FILE", help="PEM certificate; default: [serve.tls] certificate.")
@click.option("--tls-key", default="", metavar="FILE", help="Its key, 0600.")
@click.option("--client-ca", default="", metavar="FILE", help="Ask clients for a certificate of this authority.")
@click.option("--root", default="", metavar="FP", help="For a REMOTE: the root fingerprint to trust.")
@click.option("--dir", "mirror", default=None, metavar="MIRROR", type=click.Path(file_okay=False), help="Its folder.")
@click.option("--name", default="", metavar="MODEL", help="For a REMOTE: which model, where it is called otherwise.")
@click.option("--stale-after", type=float, default=24.0, show_default=True, metavar="HOURS",
              help="For a REMOTE: stop answering when its registry is unreachable, or gave no log that verifies, for "
              "so long. It bounds no registry that goes on giving an old log.")  # fmt: skip
@click.option("--sealer", default="", metavar="HOST:PORT", help="For a REMOTE: who seals its records; or unix:PATH.")
@click.option("--sealer-ca", default="", metavar="FILE", help="Who vouches for that machine, PEM.")
@click.option("--sealer-cert", default="", metavar="FILE", help="This machine's certificate, enrolled there.")
@click.option("--sealer-key", default="", metavar="FILE", help="Its key, 0600.")
@click.option("--log", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="How the running house speaks on stderr: lines, or one JSON object per line.")  # fmt: skip
@project_option
@json_option
def command(
    ref: str,
    environment: str,
    host: str,
    port: int | None,
    gateways: int | None,
    tls_cert: str,
    tls_key: str,
    client_ca: str,
    root: str,
    mirror: str | None,
    name: str,
    stale_after: float,
    sealer: str,
    sealer_ca: str,
    sealer_cert: str,
    sealer_key: str,
    form: Form,
    directory: str,
    as_json: bool,
) -> None:
    """Serve what is live in an environment until interrupted.

    REF, when given, must be what is live: serving never deploys. The gateway verifies the deployment statement,
    the registry entry and each digest by itself, and hands the very bytes that it verified to the jailed worker.

    With --tls-cert and --tls-key, or [serve.tls], it speaks TLS; beyond loopback it speaks nothing else. Renewed files
    are taken up without a restart.

    REMOTE (HOST[:PORT]/NAME[:v7]) needs no project here: it is pulled into a mirror first, and its registry is asked
    every 10 seconds for a newer log, so that a revocation or a deployment that was pushed arrives. Such a machine has
    none of the project's keys: it seals its predictions with a key of its own, which no roles file names; or, with
    --sealer, hands them to the project's own sealer elsewhere (`lockgate log seal`), and has no log of its own.
    """
    from lockgate.project import Project
    from lockgate.serve.logs import sayer

    talk = Talk(as_json)
    given = {"certificate": tls_cert, "key": tls_key, "client_ca": client_ca}
    tls = {name: str(Path.cwd() / path) for name, path in given.items() if path}
    say = sayer(form, talk.say)
    known: list[str] = []

    def ready(url: str) -> None:
        talk.data(url)
        talk.result("serve", {"url": url, "environment": environment})
        if form == "json":
            return
        talk.next(
            *(() if known else ("lockgate clients add NAME",)),
            f"curl -s {url}/predict -H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' -d @sample.json",
        )

    if is_remote(ref):
        from lockgate.project.serving import serve_remote

        trusted = need_root(root, project_of(directory, root))
        serve_remote(
            ref, root=trusted, environment=environment, folder=folder_of(mirror), name=name, stale_hours=stale_after,
            host=host, port=port, tls=tls, gateways=gateways, ready=ready, say=say, sealer=sealer,
            sealer_tls={"ca": sealer_ca, "cert": sealer_cert, "key": sealer_key},
        )  # fmt: skip
        return
    options = {"host": host, "port": port, "tls": tls, "gateways": gateways, "ready": ready, "say": say}
    options |= {"sealer": sealer, "sealer_tls": {"ca": sealer_ca, "cert": sealer_cert, "key": sealer_key}}
    project = Project.open(directory)
    known += [one.name for one in project.clients() if not one.revoked]
    project.serve(ref=ref, environment=environment, **options)
