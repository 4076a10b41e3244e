"""The jails of a training run, one after the other: split, fit, judge. The shell, for `run` and `reproduce` alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.monitor.plan import OUTPUTS, parse_plan
from lockgate.runtime.sizes import DATA, beyond
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.train import attachments, gpu, inputs, rules
from lockgate.train.capture import lay_out
from lockgate.train.doubts import Parts
from lockgate.train.gpu import Devices
from lockgate.train.jails import Trained, run_training, train_settings, withheld
from lockgate.train.spec import Closure, Featured, Split, TrainSpec
from lockgate.train.surroundings import Surroundings

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace

_MOST_FACTS = 16 << 20
_LEAST_OUTPUT = 256 << 20
SCRIPT_MODELS = ("model.onnx", "model.joblib", "model.json", "model.ubj", "model.txt")
"""What a script may write, the surest first."""
_PARTS = ("train.parquet", "heldout.parquet")


@dataclass(frozen=True)
class Recipe:
    """All that a training run is made of, but for the environment: digests of what lies in the data store, settings."""

    spec: TrainSpec
    closure: Closure
    split: Split
    inputs: Mapping[str, Digest]
    around: Surroundings
    devices: Devices | None = None
    hidden: Mapping[str, Digest] = field(default_factory=dict)
    """What else training must not find, by what it is called: rows of which it is not to know that they are others."""


def split(
    workplace: Workplace,
    spec: TrainSpec,
    python: PythonEnv,
    accepted: Digest,
    scratch: Path,
    screen: Digest | None = None,
) -> tuple[Split, JailReport]:
    """Cut the accepted rows in a jail without user code; all parts are stored.

    `screen`: which rows the screen doubts; then two more parts are made (`Split.doubts`).
    Raises Refused LG303, LG304, LG306, LG335.
    """
    size = workplace.data.check(accepted)
    limits = Limits(memory=spec.limits.memory, output_bytes=max(_LEAST_OUTPUT, 3 * size))
    binds = [Bind(workplace.data.path(accepted), "/in/accepted.parquet")]
    if screen is not None:
        workplace.data.check(screen)
        binds.append(Bind(workplace.data.path(screen), "/in/screen.parquet"))
    settings = named("parse", python=python, limits=limits, binds=binds)
    asked = {"label": spec.label, "time": spec.time, "group": spec.group, "holdout": spec.holdout, "seed": spec.seed}
    parts = _PARTS if screen is None else (*_PARTS, "control.parquet", "doubtful.parquet")
    task = Task(
        module="lockgate.train.jail.split",
        given={**asked, "doubts": screen is not None},
        gives=(*parts, "split.json"),
        findings=rules.SPLIT_FINDINGS,
        died="LG306",
        work="splitting the rows",
        next="edit lockgate.toml: [train] memory",
    )
    given, report = run_task(settings, task, scratch / "split")
    digests = []
    for name in parts:
        with given[name].open("rb") as file:
            digests.append(workplace.data.put(file))
    doubted = None if screen is None else Parts(screen, *digests[2:])
    try:
        found = rules.read_split(read_regular(given["split.json"], _MOST_FACTS), digests[0], digests[1], doubted)
        return found, report
    except ValueError as error:
        raise malformed("split", error) from None


def fit(
    workplace: Workplace,
    recipe: Recipe,
    python: PythonEnv,
    scratch: Path,
    say: Callable[[str], None] | None = None,
) -> Trained:
    """Run the training code. A script's model is converted in a second jail, which sees that model and the same rows.

    `say`: who hears the talk, if not the person at the workplace.
    Raises what `run_training` raises; Refused LG315; Unfit LG379 when a GPU and the policy do not go together.
    """
    spec, store = recipe.spec, workplace.data
    store.check(recipe.split.train)
    rows = store.path(recipe.split.train)
    job = lay_out(recipe.closure, store, scratch / "job")
    least = workplace.least_jail_level
    if recipe.devices is not None:
        gpu.check_level(least)
    task: dict[str, object] = {
        "function": spec.function,
        "script": spec.script,
        "features": spec.features,
        "label": spec.label,
        "task": spec.task,
        "params": dict(spec.params),
        "seed": spec.seed,
        "parity": spec.parity,
        "out": spec.limits.output_bytes,
    }
    more = inputs.binds(recipe.inputs, store)
    say = say or workplace.say
    absent = withheld(workplace, {"held-out rows": recipe.split.heldout, **recipe.hidden})
    settings = train_settings(
        python, spec.limits, job, rows, recipe.around, *more, devices=recipe.devices, absent=absent
    )
    module = "lockgate.train.jail.fit"
    trained = run_training(settings, module, task, scratch / "fit", least=least, say=say)
    if not spec.script:
        return trained
    wrote = next((name for name in SCRIPT_MODELS if name in trained.files), None)
    if wrote is None:
        raise Refused("LG315", f"{spec.script} left no model that is a regular file", next="lockgate explain LG315")
    trained.files[wrote].chmod(0o444)
    beside = {DATA: trained.files[DATA]} if wrote == rules.MODEL and DATA in trained.files else {}
    for path in beside.values():
        path.chmod(0o444)
    model = [Bind(path, f"/model/{name}") for name, path in {wrote: trained.files[wrote], **beside}.items()]
    settings = train_settings(python, spec.limits, job, rows, recipe.around, *model, absent=absent)
    module = "lockgate.train.jail.convert"
    converted = run_training(settings, module, task, scratch / "convert", least=least, say=say)
    return replace(
        converted,
        files={**attachments.beside(trained.files), **attachments.took(trained.files), **beside, **converted.files},
        talk=trained.talk + converted.talk,
        report=trained.report,
        denied=tuple(dict.fromkeys(trained.denied + converted.denied)),
        skipped=trained.skipped,
        conversion=converted.report,
    )


def keep(workplace: Workplace, trained: Trained) -> tuple[dict[str, Any], dict[str, Digest]]:
    """Store the candidate's files; their digests are the launcher's own."""
    missing = [name for name in rules.CANDIDATE if name not in trained.files]
    if missing:
        raise malformed("train", ValueError(f"there is no {missing[0]}"))
    try:
        fit = rules.read_fit(read_regular(trained.files[rules.FIT], _MOST_FACTS))
    except ValueError as error:
        raise malformed("train", error) from None
    sizes = {name: trained.files[name].stat().st_size for name in (rules.MODEL, DATA) if name in trained.files}
    too_large = beyond(sizes[rules.MODEL], sizes.get(DATA, 0), sum(sizes.values()))
    if too_large:
        raise Refused("LG427", too_large, seen=sizes, next="lockgate explain LG427")
    candidate = {}
    for name in (*rules.CANDIDATE, *([DATA] if DATA in trained.files else [])):
        with trained.files[name].open("rb") as file:
            candidate[name] = workplace.data.put(file)
    return fit, candidate


def judge(
    workplace: Workplace,
    spec: TrainSpec,
    python: PythonEnv,
    candidate: Mapping[str, Digest],
    split: Split,
    featured: Featured | None = None,
) -> tuple[dict[str, Any], JailReport, Digest | None]:
    """A jail that sees the candidate and the rows, and nothing of the user's code. Judged are the held-out ones alone.

    `featured`: what was made of these rows, for a candidate that takes features (`train.featuring.heldout`).
    The digest is that of the plan of what is watched of the answers, None where the rows are too few for one.
    """
    files = {name: candidate[name] for name in rules.JUDGED_FILES if name in candidate}
    files |= {"heldout.parquet": split.heldout, "train.parquet": split.train, **(featured.files if featured else {})}
    for digest in files.values():
        workplace.data.check(digest)
    binds = [Bind(workplace.data.path(digest), f"/in/{name}") for name, digest in files.items()]
    settings = named("judge", python=python, limits=Limits(memory=spec.limits.memory), binds=binds)
    task = Task(
        module="lockgate.train.jail.judge",
        given={"label": spec.label, "monitor": spec.monitor.as_json(), "sensitive": _sensitive(workplace)},
        gives=(rules.JUDGED, OUTPUTS),
        findings=rules.JUDGE_FINDINGS,
        died="LG327",
        work="judging the candidate",
        next="edit lockgate.toml: [train] memory",
    )
    with workplace.scratch() as scratch:
        given, report = run_task(settings, task, scratch / "judge")
        try:
            found = rules.read_judged(read_regular(given[rules.JUDGED], _MOST_FACTS))
            plan = read_regular(given[OUTPUTS], _MOST_FACTS)
            said = parse_plan(plan)
            stored = workplace.data.put(plan) if said.streams or said.population is not None else None
        except ValueError as error:
            raise malformed("judge", error) from None
    return found, report, stored


def _sensitive(workplace: Workplace) -> list[str] | None:
    """The fields of which no value may stand in a plan, as validate's statement names them; None: nobody said."""
    validate = workplace.head("validate")
    named = None if validate is None else validate.predicate.get("sensitive")
    return [str(name) for name in named] if isinstance(named, list) else None


def malformed(stage: str, error: Exception) -> Refused:
    """For a jail whose files are not in form."""
    return Refused("LG324", f"what the {stage} jail wrote is not in form: {error}", next="lockgate explain LG324")


def proofs(recipe: Recipe, trained: Trained, parsed: JailReport | None) -> dict[str, Mapping[str, object]]:
    """The reports of a run's jails by name, as the evidence carries them; the one with a GPU says that it is weaker."""
    named = {"split": parsed, "convert": trained.conversion}
    found: dict[str, Mapping[str, object]] = {name: one.as_json() for name, one in named.items() if one is not None}
    return {**found, "train": gpu.weaker(trained.report.as_json(), recipe.devices)}
