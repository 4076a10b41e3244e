"""`lockgate export evidence|kubernetes|systemd|github-actions|mlbom|modelcard|schema`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.export_evidence import evidence
from lockgate.cli.export_model import mlbom, modelcard
from lockgate.cli.export_schema import schema
from lockgate.cli.render import Talk, json_option, project_option, table
from lockgate.core.shown import block
from lockgate.errors import Refused, Usage, VerificationFailed

if TYPE_CHECKING:
    from lockgate.export.kubernetes.spec import KubernetesSpec
    from lockgate.project import Project

OURS = ("Deployment ", "Job ", "Pod ", "stage ")


@click.group(
    "export", short_help="What others need: evidence, bill of materials, model card, manifests, units, a workflow."
)
def command() -> None:
    """What others need, in their forms."""


@command.command("kubernetes")
@click.option("--out", default="-", metavar="DIR", show_default=True, help="A new or empty folder; - is stdout.")
@click.option("--check", "files", multiple=True, metavar="FILE", help="Hold these manifests against the rules instead.")
@click.argument("more", nargs=-1, metavar="[FILE...]")
@project_option
@json_option
def kubernetes(out: str, files: tuple[str, ...], more: tuple[str, ...], directory: str, as_json: bool) -> None:
    """Write the project's objects for a cluster; or, with --check, judge manifests that somebody edited.

    Namespaces with walls around them, an account and the names of its keys for each stage, jailed jobs that reach
    nobody. No key is ever written. What breaks a rule is not written at all. The talk says who reaches whom.
    """
    talk = Talk(as_json)
    if more and not files:
        raise Usage("LG940", "files are given, but not --check", next="lockgate export kubernetes --check FILE...")
    if files:
        _check((*files, *more), talk)
    else:
        _write(directory, out, talk)


@command.command("systemd")
@click.option("--env", "environment", default="dev", show_default=True, help="Whose live model it serves.")
@click.option("--host", default="127.0.0.1", show_default=True, help="As of serve.")
@click.option("--port", type=int, default=None, help="Default: [serve] port.")
@click.option("--tls-cert", default="", metavar="FILE", help="As of serve.")
@click.option("--tls-key", default="", metavar="FILE", help="Read by systemd as root, and shown to the service alone.")
@click.option(
    "--every", default="", metavar="WHEN", help="Write a schedule instead: hourly, daily, weekly, monthly, or a time."
)
@click.option("--out", default="-", metavar="FILE", show_default=True, help="A new file; - is stdout.")
@project_option
@json_option
def systemd(
    environment: str,
    host: str,
    port: int | None,
    tls_cert: str,
    tls_key: str,
    every: str,
    out: str,
    directory: str,
    as_json: bool,
) -> None:
    """Write a hardened unit that serves this project as the user who runs this.

    Its comments say what is left open, and why. Other roles' keys and the user's .ssh are out of its reach. It says
    nothing that is secret.

    With --every: a service that runs `lockgate run --deploy` once, as closed, and the timer that starts it; --out is
    then a new or empty folder.
    """
    from lockgate.export.systemd import unit
    from lockgate.project import Project
    from lockgate.project.unit import asked_unit

    talk = Talk(as_json)
    project = Project.open(directory)
    if every:
        _schedule(project, environment, every, out, talk)
        return
    spec = asked_unit(project, environment=environment, host=host, port=port, tls_cert=tls_cert, tls_key=tls_key)
    text = unit(spec)
    if out == "-":
        talk.data(block(text.removesuffix("\n").split("\n")))
    else:
        _new_file(Path(out), text)
    talk.result("export-systemd", {"name": spec.file, "user": spec.user, "unit": text})
    talk.next(
        "lockgate export systemd --out FILE" if out == "-" else f"systemd-analyze verify {out}",
        f"sudo install -m 644 {'FILE' if out == '-' else out} /etc/systemd/system/{spec.file}",
    )


@command.command("github-actions")
@click.option("--env", "environment", default="dev", show_default=True, help="Where a new model goes.")
@click.option(
    "--every",
    default="daily",
    show_default=True,
    metavar="WHEN",
    help="hourly, daily, weekly, monthly, or cron in UTC.",
)
@click.option("--lock", default="lockgate.lock", show_default=True, help="Hashes of lockgate and what it needs.")
@click.option("--folder", default=".", show_default=True, help="The project's folder within the repository.")
@click.option("--out", default="-", metavar="FILE", show_default=True, help="A new file; - is stdout.")
@project_option
@json_option
def github_actions(
    environment: str, every: str, lock: str, folder: str, out: str, directory: str, as_json: bool
) -> None:
    """Write a workflow that runs `lockgate run --deploy` on a schedule, on a runner of your own.

    It may only read the repository. Log, registry and keys stay on the runner; the one secret is a passphrase.
    """
    from lockgate.export.schedule import cron
    from lockgate.export.workflow import WorkflowSpec, workflow
    from lockgate.project import Project
    from lockgate.project.unit import check_lock

    talk = Talk(as_json)
    project = Project.open(directory)
    known = project.config.name
    project.policy(project.ledger()).environment(environment)
    check_lock(project.root / lock)
    spec = WorkflowSpec(known, environment, cron(every, known), folder, lock)
    text = workflow(spec)
    if out == "-":
        talk.data(block(text.removesuffix("\n").split("\n")))
    else:
        _new_file(Path(out), text)
    talk.result("export-github-actions", {"file": spec.file, "cron": spec.cron, "workflow": text})
    talk.next(
        f"lockgate export github-actions --env {environment} --out {spec.file}"
        if out == "-"
        else f"git add {out}   # then set the secret LOCKGATE_PASSPHRASE, if the runner's keys have one"
    )


def _schedule(project: Project, environment: str, every: str, out: str, talk: Talk) -> None:
    from lockgate.export.schedule import calendar
    from lockgate.export.systemd import scheduled, timer
    from lockgate.project.unit import asked_schedule

    project.policy(project.ledger()).environment(environment)
    spec = asked_schedule(project, environment=environment)
    when = calendar(every, spec.name)
    units = {spec.file: scheduled(spec), spec.timer_file: timer(spec, when)}
    if out == "-":
        for text in units.values():
            talk.data(block(text.removesuffix("\n").split("\n")))
    else:
        _new_folder(Path(out))
        for name, text in units.items():
            _new_file(Path(out) / name, text)
    talk.result("export-systemd", {"name": spec.timer_file, "user": spec.user, "calendar": when, "units": units})
    folder = "DIR" if out == "-" else out
    talk.next(
        f"lockgate export systemd --env {environment} --every {every!r} --out DIR"
        if out == "-"
        else f"systemd-analyze verify {folder}/*.timer {folder}/*.service",
        f"sudo install -m 644 {folder}/lockgate-* /etc/systemd/system/ && sudo systemctl daemon-reload",
        f"sudo systemctl enable --now {spec.timer_file}",
    )


def _new_file(path: Path, text: str) -> None:
    from lockgate.store.files import atomic_write

    if path.exists():
        raise Refused("LG952", f"{path} is there already", seen={"file": str(path)}, next="name a new file")
    atomic_write(path, text.encode(), 0o644)


def _write(directory: str, out: str, talk: Talk) -> None:
    from lockgate.export.kubernetes.objects import objects
    from lockgate.export.kubernetes.text import as_yaml

    spec = _spec(directory)
    rendered = objects(spec)
    _judge(rendered)
    if out == "-":
        talk.data(block(as_yaml(rendered).removesuffix("\n").split("\n")))
        commands = ["lockgate export kubernetes --out DIR"]
    else:
        _files(Path(out), rendered)
        commands = [f"lockgate export kubernetes --check {out}/*.yaml", f"kubectl apply -f {out}"]
    facts = _facts(rendered)
    talk.result("export-kubernetes", {**facts, "objects": rendered})
    _tell(facts, talk)
    talk.next(*commands)


def _check(files: tuple[str, ...], talk: Talk) -> None:
    from lockgate.export.kubernetes.read import MOST_BYTES, read_manifests
    from lockgate.store.files import read_regular

    manifests = []
    for name in files:
        try:
            text = read_regular(Path(name), MOST_BYTES).decode()
        except FileNotFoundError:
            raise Usage("LG932", f"there is no file {name}", seen={"file": name}, next="ls") from None
        except (VerificationFailed, ValueError) as error:
            raise Usage("LG932", f"{name} cannot be read: {error}", seen={"file": name}, next="ls -l") from None
        manifests += read_manifests(text, name)
    if not manifests:
        raise Usage("LG932", "there is no object in these files", seen={"files": list(files)}, next="ls -l")
    _judge(manifests)
    facts = _facts(manifests)
    talk.result("check-kubernetes", facts)
    _tell(facts, talk)
    talk.next(f"kubectl apply -f {files[0]}" if len(files) == 1 else "kubectl apply -f FILE   # for each of them")


def _spec(directory: str) -> KubernetesSpec:
    from lockgate.pipeline.specs import train_spec
    from lockgate.project import Project

    config = Project.open(directory).config
    return config.kubernetes.spec(port=config.serve.port, limits=train_spec(config).limits)


def _judge(manifests: Any) -> None:
    """Raises Refused LG930."""
    from lockgate.export.kubernetes.rules import broken, words

    found = broken(manifests)
    if found:
        raise Refused(
            "LG930",
            f"{len(found)} {'rule is' if len(found) == 1 else 'rules are'} broken: {words(found)}",
            seen={"broken": [each.as_json() for each in found]},
            next="lockgate explain LG930",
        )


def _new_folder(folder: Path) -> None:
    from lockgate.store.files import writing

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused("LG952", f"{folder} is not empty", seen={"folder": str(folder)}, next="name a new folder")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _files(folder: Path, rendered: Any) -> None:
    from lockgate.export.kubernetes.objects import file_name
    from lockgate.export.kubernetes.text import as_yaml
    from lockgate.store.files import atomic_write

    _new_folder(folder)
    for place, manifest in enumerate(rendered):
        atomic_write(folder / file_name(place, manifest), as_yaml([manifest]).encode(), 0o644)


def _facts(manifests: Any) -> dict[str, Any]:
    from lockgate.export.kubernetes import reach
    from lockgate.export.kubernetes.pod_rules import RULES
    from lockgate.export.kubernetes.rules import level_of

    jails = [each for each in manifests if each["kind"] in {"Job", "Pod"}]
    return {
        "count": len(manifests),
        "pod_rules": len(RULES),
        "jail_level": min(map(level_of, jails), default=None),
        "network": reach.network(manifests),
        "accounts": reach.accounts(manifests),
    }


def _tell(facts: dict[str, Any], talk: Talk) -> None:
    """Who reaches whom, for a person."""
    rows = [
        (source, "->", ", ".join(f"{target} {' '.join(ports)}" for target, ports in targets.items()) or "nobody")
        for source, targets in facts["network"].items()
        if targets or source.startswith(OURS)
    ]
    talk.say(f"{facts['count']} objects, all rules hold. The network, where the cluster enforces policies:")
    talk.say(table(rows))
    talk.say("Accounts with any right:")
    talk.say(
        table([(name, "; ".join(found["may"])) for name, found in facts["accounts"].items() if found["may"]])
        or "    none"
    )
    if facts["jail_level"] is not None:
        talk.say(f"jailed pods are of level {facts['jail_level']} at most: 3 is gVisor, if the cluster's class is that")


command.add_command(evidence)
command.add_command(mlbom)
command.add_command(modelcard)
command.add_command(schema)
