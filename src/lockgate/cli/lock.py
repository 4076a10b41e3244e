"""`lockgate lock`: the exact wheels that training may install."""

from __future__ import annotations

import click

from lockgate.cli.render import Talk, json_option, project_option


@click.command("lock", short_help="Pin every package of training by hash, with what Lockgate needs itself.")
@click.option("--upgrade", is_flag=True, help="Take the newest versions, not those that are locked.")
@click.option("--upgrade-package", "packages", multiple=True, metavar="NAME", help="Take the newest of this package.")
@click.option("--build", "builds", multiple=True, metavar="NAME", help="Build its pinned source without network first.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the lock is not what is asked for.")
@project_option
@json_option
def command(
    upgrade: bool, packages: tuple[str, ...], builds: tuple[str, ...], check: bool, directory: str, as_json: bool
) -> None:
    """Resolve requirements.in (else [project] dependencies of pyproject.toml) to requirements.lock: exact versions
    with the hash of every file, for every platform, without an address. What converting, judging and serving need is
    added; where the two cannot meet, it is said here and not after training.

    A package without a wheel is built by --build, in a jail without network; built-wheels.toml says of what.
    """
    from lockgate.project import Project

    talk = Talk(as_json)
    project = Project.open(directory)
    done = project.lock(upgrade=upgrade, upgrade_packages=packages, build=builds, check=check, say=talk.say)
    for name, before, after in done.changes:
        talk.say(f"  {name:<24} {before or '-'} -> {after or '-'}" if before != after else f"  {name:<24} other files")
    state = "written" if done.written else "as it should be"
    talk.line("ok", "lock", f"{done.file} {state}: {done.packages} packages")
    talk.data(done.digest)
    talk.result("lock", done.as_json())
    made = ("lockgate jail -- python -V   # makes the environment",) if done.written else ()
    talk.next(*made, "lockgate check", "lockgate run")
