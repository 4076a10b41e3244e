"""`lockgate run`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.render import Talk, json_option, model_option, project_option
from lockgate.cli.story import Story, candidate_table
from lockgate.errors import EXIT_OK, EXIT_REFUSED, Refused, Usage

if TYPE_CHECKING:
    from lockgate.pipeline import RunResult
    from lockgate.project import Project


@click.command("run", short_help="Ingest, validate, train, judge, register. --deploy: and deploy what is new.")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose policy decides.")
@click.option("--deploy", "and_deploy", is_flag=True, help="Deploy the model if it is new there, for CI and schedules.")
@click.option("--fresh", is_flag=True, help="Do every stage again, also where nothing has changed.")
@click.option(
    "--if-new-data",
    "if_new",
    is_flag=True,
    help="Do nothing where the sources' bytes are those of the newest snapshot.",
)
@model_option
@project_option
@json_option
def command(
    environment: str, and_deploy: bool, fresh: bool, if_new: bool, model: str, directory: str, as_json: bool
) -> int:
    """Take the data from its files to a registered model.

    Five stages, each with a signed statement: ingest, validate, train, judge, register. A stage whose inputs have
    not changed is reported as cached. Nothing is served until you deploy it.

    With --deploy a model that is new in the environment goes on the first rung of its ladder, or live where there is
    none. Nothing new is no error. A model that is climbing is not pushed aside, and one that was taken back stays so.

    With --if-new-data, for schedules: where a model was registered from the newest snapshot, and the sources still have
    its bytes, nothing is done and the exit status is 0. Changed code or settings are not looked at.

    Several models are run one after the other, in the order of lockgate.toml. One that is refused does not stop the
    others; the exit status is 1 then.
    """
    from lockgate.project import Project

    if fresh and if_new:
        raise Usage(
            "LG940", "--fresh and --if-new-data ask for opposites: say one of them", next="lockgate run --fresh"
        )
    talk = Talk(as_json)
    story = Story(talk)
    projects = Project.open(directory).each(model)
    told, code = [], EXIT_OK
    for project in projects:
        try:
            asked = _Asked(environment, and_deploy=and_deploy, fresh=fresh, if_new=if_new)
            told.append(_if_new(project, talk, story, asked) if if_new else _one(project, talk, story, asked))
        except Refused as no:
            if len(projects) == 1:
                raise
            Talk().error(no)  # with --json it is told below, in the one object
            told.append({"model": project.model, "error": no.as_json()})
            code = EXIT_REFUSED
    talk.result("run", told[0] if len(projects) == 1 else {"runs": told})
    return code


@dataclass(frozen=True)
class _Asked:
    """The options."""

    environment: str
    and_deploy: bool
    fresh: bool
    if_new: bool


def _if_new(project: Project, talk: Talk, story: Story, asked: _Asked) -> dict[str, Any]:
    """A run, unless there is nothing to do; what `--json` says of it."""
    from lockgate.project.new_data import look

    found = look(project, asked.environment, deploys=asked.and_deploy)
    if found.new:
        talk.say(found.says)
        return {**_one(project, talk, story, asked), "new_data": True, "because": list(found.because)}
    talk.line("ok", "run", found.says)
    talk.data(found.ref)
    talk.next("lockgate status", f"lockgate verify {found.ref}")
    return found.as_json()


def _one(project: Project, talk: Talk, story: Story, asked: _Asked) -> dict[str, Any]:
    """One model's run, told to a person; what `--json` says of it."""
    environment = asked.environment
    story.header(project, environment)
    if not asked.and_deploy:
        result = project.run(environment=environment, fresh=asked.fresh, observer=story)
        _results(result, talk, story)
        standing = "is live" if result.live == result.ref else "is live, unchanged"
        talk.say(f"{result.live or 'Nothing'} {standing} in {environment}.   {result.seconds:.0f} s")
        _following(result, talk, environment)
        return {**result.as_json(), "deployed": None}
    from lockgate.project.unattended import run_and_deploy

    done = run_and_deploy(
        project,
        environment=environment,
        fresh=asked.fresh,
        observer=story,
        ran=lambda result: _results(result, talk, story),
    )
    talk.say(f"{done.says}.   {done.run.seconds:.0f} s")
    talk.next("lockgate status", f"lockgate verify {done.run.ref}")
    return done.as_json()


def _results(result: RunResult, talk: Talk, story: Story) -> None:
    for line in candidate_table(result):
        talk.say(line)
    story.verdicts(result)
    talk.data(result.ref)


def _following(result: RunResult, talk: Talk, environment: str) -> None:
    first = f"serve --env {environment}" if result.live == result.ref else f"deploy {result.ref} --env {environment}"
    talk.next(f"lockgate {first}", f"lockgate verify {result.ref}")
