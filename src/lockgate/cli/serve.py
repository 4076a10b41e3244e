"""`lockgate serve`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option


@click.command("serve", short_help="Answer requests: gateway, jailed workers, sealer, on loopback.")
@click.argument("ref", required=False, default="")
@click.option("--env", "environment", default="dev", show_default=True, help="Which environment's live model.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback only, until TLS is served.")
@click.option("--port", type=int, default=None, help="Default: [serve] port.")
@project_option
@json_option
def command(ref: str, environment: str, host: str, port: int | None, directory: str, as_json: bool) -> None:
    """Serve what is live in an environment until interrupted.

    REF, when given, must be what is live: serving never deploys. The gateway verifies the deployment statement,
    the registry entry and each digest by itself, and hands the very bytes that it verified to the jailed worker.
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

    Project.open(directory).serve(ref=ref, environment=environment, host=host, port=port, ready=ready, say=talk.say)
