"""`lockgate run`."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option
from lockgate.cli.story import Story, candidate_table


@click.command("run", short_help="Ingest, validate, train, judge, register. Deploys nothing.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@click.option("--deploy", "and_deploy", is_flag=True, help="Deploy what was registered (for CI).")
@click.option("--fresh", is_flag=True, help="Do every stage again, also where nothing has changed.")
@project_option
@json_option
def command(environment: str, and_deploy: bool, fresh: bool, directory: str, as_json: bool) -> int:
    """Take the data from its files to a registered model.

    Five stages, each with a signed statement: ingest, validate, train, judge, register. A stage whose inputs have
    not changed is reported as cached. Nothing is served until you deploy it.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    story = Story(talk)
    project = Project.open(directory)
    story.header(project, environment)
    result = project.run(environment=environment, fresh=fresh, observer=story)
    for line in candidate_table(result):
        talk.say(line)
    story.verdicts(result)
    deployed = None
    if and_deploy:
        deployed = project.deploy(result.ref, environment=environment, observer=story)
    talk.data(result.ref)
    talk.result("run", {**result.as_json(), "deployed": deployed.as_json() if deployed else None})
    if deployed is not None or result.live == result.ref:
        talk.say(f"{result.ref} is live in {environment}.   {result.seconds:.0f} s")
        talk.next(f"lockgate serve --env {environment}", f"lockgate verify {result.ref}")
    else:
        talk.say(f"{result.live or 'Nothing'} is live in {environment}, unchanged.   {result.seconds:.0f} s")
        talk.next(f"lockgate deploy {result.ref} --env {environment}", f"lockgate verify {result.ref}")
    return 0
