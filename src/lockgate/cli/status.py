"""`lockgate status`: the entry screen."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option


@click.command("status", short_help="Where everything stands, and what to do next.")
@project_option
@json_option
def command(directory: str, as_json: bool) -> None:
    """Show each stage's statement, which of them rest on one that was rolled back, what is live, and what to run next.

    Which alarms of drift nobody has answered yet; `lockgate monitor` shows what they are of. Whether a client is
    suspected of attacking a model, by the newest 200,000 records; `lockgate clients review` reads all. Which model that
    answers has no population, so that nobody sees who attacks it. Whether a drill was not stopped, or is too old;
    `lockgate threats` says what that means.

    Where a model is on the ladder: on which rung, how much it has seen of what the rung asks for and how long the rest
    takes, how near each check is to its alarm, and who moves it next.

    Where predictions were served: how many, how fast their log grows, when the disk is full at that rate, how many wait
    for the sealer; and what ends within 60 days: clients, the TLS certificate, the roles file.
    Other files are not looked at: what has changed since is seen by `lockgate run`.
    """
    from lockgate.project import Project
    from lockgate.project.growth import soon

    talk = Talk(as_json)
    status = Project.open(directory).status()
    talk.say(f"{status.name} · {status.project_id[:8]}..{status.project_id[-2:]} · separation: {status.separation}")
    model = ""
    for stage in status.stages:
        if stage.model != model:
            model = stage.model
            talk.data(model)
        talk.data(f"{'✓' if stage.mark == 'ok' else '!' if stage.mark == 'warn' else '·'} {stage.name:<9} {stage.text}")
    for line in status.live:
        talk.data(f"  {line}")
    for word, line in status.noted:
        talk.data(f"! {word:<9} {line}")
    for line in status.cosigned:
        talk.data(f"  {line}")
    if status.growth is not None:
        talk.data(f"  predictions  {status.growth.line()}")
    for end in soon(status.ends):
        talk.data(f"! {end.line()}")
    if status.policy:
        talk.data(f"  {status.policy}   lockgate policy check")
    talk.result("status", status.as_json())
    talk.next(*status.next)
