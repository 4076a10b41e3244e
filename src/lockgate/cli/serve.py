"""`lockgate serve`."""

from __future__ import annotations

import click

from lockgate.cli.carried import folder_of, is_remote, need_root, project_of
from lockgate.cli.render import Talk, json_option, project_option


@click.command("serve", short_help="Answer requests: gateway, jailed workers, sealer, on loopback.")
@click.argument("ref", required=False, default="", metavar="[REF|REMOTE]")
@click.option("--env", "environment", default="dev", show_default=True, help="Which environment's live model.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback only, until TLS is served.")
@click.option("--port", type=int, default=None, help="Default: [serve] port.")
@click.option("--root", default="", metavar="FP", help="For a REMOTE: the root fingerprint to trust.")
@click.option("--dir", "mirror", default=None, metavar="MIRROR", type=click.Path(file_okay=False), help="Its folder.")
@click.option("--name", default="", metavar="MODEL", help="For a REMOTE: which model, where it is called otherwise.")
@click.option("--stale-after", type=float, default=24.0, show_default=True, metavar="HOURS",
              help="For a REMOTE: stop answering when its registry is unreachable, or gave no log that verifies, for "
              "so long. It bounds no registry that goes on giving an old log.")  # fmt: skip
@project_option
@json_option
def command(
    ref: str,
    environment: str,
    host: str,
    port: int | None,
    root: str,
    mirror: str | None,
    name: str,
    stale_after: float,
    directory: str,
    as_json: bool,
) -> None:
    """Serve what is live in an environment until interrupted.

    REF, when given, must be what is live: serving never deploys. The gateway verifies the deployment statement,
    the registry entry and each digest by itself, and hands the very bytes that it verified to the jailed worker.

    REMOTE (HOST[:PORT]/NAME[:v7]) needs no project here: it is pulled into a mirror first, and its registry is asked
    every 10 seconds for a newer log, so that a revocation or a deployment that was pushed arrives. Such a machine has
    none of the project's keys: it seals its predictions with a key of its own, which no roles file names.
    """
    from lockgate.project import Project

    talk = Talk(as_json)

    def ready(url: str) -> None:
        talk.data(url)
        talk.result("serve", {"url": url, "environment": environment})
        talk.next(
            "lockgate clients add NAME",
            f"curl -s {url}/predict -H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' -d @sample.json",
        )

    if is_remote(ref):
        from lockgate.project.serving import serve_remote

        trusted = need_root(root, project_of(directory, root))
        serve_remote(
            ref, root=trusted, environment=environment, folder=folder_of(mirror), name=name, stale_hours=stale_after,
            host=host, port=port, ready=ready, say=talk.say,
        )  # fmt: skip
        return
    Project.open(directory).serve(ref=ref, environment=environment, host=host, port=port, ready=ready, say=talk.say)
