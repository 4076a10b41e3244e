"""What the project's read-only commands show, as typed values. Built from verified statements; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from lockgate.audit import deployments
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import STAGE_ROLES
from lockgate.audit.ledger import Ledger
from lockgate.audit.models import spoken
from lockgate.audit.standings import Standing
from lockgate.audit.workplace import Workplace
from lockgate.config import Config
from lockgate.core.control_words import control_line
from lockgate.core.digest import Digest, short
from lockgate.core.moments import age, rfc3339
from lockgate.core.parity_words import parity_line
from lockgate.core.robustness_words import robustness_line
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import Listed, Part, Shown
from lockgate.core.verdict import Verdict
from lockgate.core.verdict_lines import verdict_lines
from lockgate.deploy.spec import Look, Status, looks_nowhere
from lockgate.deploy.status import status_of
from lockgate.errors import LockgateError
from lockgate.pipeline import RunResult, StageDone
from lockgate.project.growth import End, Growth
from lockgate.project.ladder_lines import ladder_json
from lockgate.project.lives import live_lines, waiver_in_words
from lockgate.project.sentences import sentence
from lockgate.project.verdicts import Said, newest_in_words, verdicts_as_json, verdicts_of
from lockgate.trust.policy import Policy


@dataclass(frozen=True, repr=False)
class ModelLine(Shown):
    """One registered model in the list."""

    ref: str
    manifest: Digest
    registered: str
    live_in: tuple[str, ...]
    revoked: bool
    on_ladder_in: tuple[str, ...] = ()

    @property
    def stands(self) -> str:
        """Where it is live or on the ladder."""
        return ", ".join((*self.live_in, *self.on_ladder_in)) or ("revoked" if self.revoked else "-")

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return asdict(self)

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        return iter(ModelLines((self,)).view())


class ModelLines(Listed[ModelLine]):
    """The registered models, oldest first."""

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        from lockgate.project.pages.views import models_view

        return models_view(self)


@dataclass(frozen=True, repr=False)
class ModelPage(Shown):
    """One model's page."""

    ref: str
    manifest: Digest
    task: str
    registered: str
    files: tuple[Mapping[str, Any], ...]
    history: tuple[tuple[str, str], ...]
    metrics: Mapping[str, Any]
    slices: tuple[Mapping[str, Any], ...]
    judged: int
    live_in: tuple[str, ...]
    revoked: bool
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    on_ladder_in: tuple[str, ...] = ()
    control: Mapping[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    robustness: Mapping[str, Any] = field(default_factory=dict)
    attacked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stands(self) -> str:
        """Where it is live or on the ladder."""
        where = f"live in {', '.join(self.live_in)}" if self.live_in else "not live"
        return "REVOKED" if self.revoked else ", ".join((where, *self.on_ladder_in))

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        from lockgate.project.pages.views import model_view

        return model_view(self)

    @property
    def following(self) -> tuple[str, ...]:
        """The commands to run next."""
        return f"lockgate verify {self.ref}", f"lockgate deploy {self.ref} --env dev"

    def text(self) -> Lines:
        """The page for a terminal."""
        lines = [f"{self.ref}   {self.manifest}", f"{self.task}, registered {self.registered}, {self.stands}", ""]
        lines += [f"{stage:<9} {text}" for stage, text in self.history]
        lines += ["", f"judged {'once' if self.judged == 1 else f'{self.judged} times'}, 95 % intervals"]
        lines += [f"    {name:<16} {interval(metric)}" for name, metric in self.metrics.items()]
        told = parity_line({"parity": self.parity}) if self.parity else "", control_line({"control": self.control})
        attacks = robustness_line({"robustness": self.robustness, "attacked": self.attacked}) if self.attacked else ""
        lines += [line for each in (*told, attacks) if each for line in ("", each)]
        if self.slices:
            lines += ["", "by slice"]
            lines += [
                f"    {part['field']} = {part['value']:<12} {part['rows']:>8,} rows   "
                + ", ".join(f"{name} {metric['value']:.3f}" for name, metric in list(part["metrics"].items())[:2])
                for part in self.slices[:12]
            ]
        lines += ["", *verdict_lines(self.verdicts)] if self.verdicts else []
        lines += ["", f"{len(self.files)} signed files"]
        lines += [f"    {each['name']:<28} {each['size']:>11,} bytes   {short(each['digest'])}" for each in self.files]
        return block(lines)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        found = asdict(replace(self, verdicts={}))
        del found["verdicts"]
        return {**found, "policy": verdicts_as_json(self.verdicts)}


@dataclass(frozen=True)
class StageLine:
    """Where one stage stands: `mark` is ok, warn or none; `model` is whose it is, where the project has several."""

    name: str
    mark: str
    text: str
    model: str = ""


@dataclass(frozen=True, repr=False)
class StatusPage(Shown):
    """Where everything stands."""

    name: str
    project_id: str
    separation: str
    stages: tuple[StageLine, ...]
    live: tuple[str, ...]
    next: tuple[str, ...]
    policy: str = ""
    waivers: tuple[str, ...] = ()
    ladders: tuple[dict[str, Any], ...] = ()
    growth: Growth | None = None
    ends: tuple[End, ...] = ()
    alarms: tuple[str, ...] = ()
    suspected: str = ""
    drills: str = ""
    unseen: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    cosigned: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()

    @property
    def noted(self) -> tuple[tuple[str, str], ...]:
        """What a person should look at: a word and its line."""
        found = {
            "WITNESS": self.witnesses,
            "alarm": self.alarms,
            "suspected": (self.suspected,) if self.suspected else (),
            "drills": (self.drills,) if self.drills else (),
            "kept": self.kept,
            "unseen": self.unseen,
            "waived": self.waivers,
        }
        return tuple((word, line) for word, lines in found.items() for line in lines)

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        from lockgate.project.pages.views import status_view

        return status_view(self)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return asdict(self)


def header(config: Config, policy: Policy, ledger: Ledger, environment: str) -> tuple[str, ...]:
    """The first line of a run: name, policy, who signs, how far apart the persons are."""
    rules = policy.environment(environment)
    weight = {"off": "off", "warn": "warns", "enforce": "enforces"}[rules.enforce]
    return (
        config.name,
        f"policy {environment} ({weight})",
        f"signed by {ledger.roles.signed_by('trainer')}",
        f"jail level {rules.min_jail_level} demanded",
    )


def run_result(place: Workplace, config: Config, stages: Sequence[StageDone], seconds: float) -> RunResult:
    """What a run made, beside the model that is live now."""
    by_name = {stage.name: stage for stage in stages}
    facts, made = by_name["train"].facts, by_name["register"]
    statements = place.ledger.statements()
    live = deployments.current(place.environment, config.name, statements)
    live_metrics = None
    if live is not None:
        judged = next((one for one in registrations(statements) if one.manifest == live.manifest), None)
        live_metrics = _metrics(place.ledger, judged)[0] if judged else None
    return RunResult(
        made.facts["ref"],
        made.digest,
        facts["task"],
        tuple(stages),
        facts["metrics"],
        f"{config.name}@{live.version}" if live else "",
        live_metrics,
        _verdicts(place, made.digest, statements) or made.verdicts,
        seconds,
    )


def model_lines(ledger: Ledger, now: datetime) -> ModelLines:  # noqa: ARG001 - ages come with the ladder
    """All registered models, oldest first."""
    statements = ledger.statements()
    return ModelLines(
        ModelLine(
            one.ref,
            one.manifest,
            rfc3339(one.evidence.time),
            live_in(one, statements),
            deployments.revocation_of(one, statements) is not None,
            on_ladder_in(one, statements),
        )
        for one in registrations(statements)
    )


def model_page(ledger: Ledger, one: Registration, policy: Policy, now: datetime) -> ModelPage:
    """One model's page."""
    statements = ledger.statements()
    metrics, said = _metrics(ledger, one)
    history = [(claim, sentence(ledger.get(digest))) for claim, digest in one.inputs.items()]
    again = [each for each in ledger.statements("reproduce") if each.predicate.get("train") == one.inputs.get("train")]
    history += [("reproduce", sentence(each)) for each in again[-1:]]
    return ModelPage(
        one.ref,
        one.manifest,
        str(said.get("task", "")),
        rfc3339(one.evidence.time),
        tuple({"name": each.name, "digest": each.digest, "size": each.size} for each in one.files),
        tuple(history),
        metrics,
        tuple(said.get("slices", ())),
        int(said.get("judged", 0)),
        live_in(one, statements),
        deployments.revocation_of(one, statements) is not None,
        verdicts_of(one, Said(policy, statements, ledger.note), now),
        on_ladder_in(one, statements),
        control if isinstance(control := said.get("control"), Mapping) else {},
        parity if isinstance(parity := said.get("parity"), Mapping) else {},
        *(found if isinstance(found := said.get(key), Mapping) else {} for key in ("robustness", "attacked")),
    )


def status_page(
    ledger: Ledger, config: Config, policy: Policy, now: datetime, look: Look = looks_nowhere
) -> StatusPage:
    """Each stage's head, what is stale, what is live, who is on the ladder, what to do next."""
    statements = ledger.statements()
    names = tuple(config.models) or (config.name,)
    # What is live is of every model in each of them: the log of predictions is read once.
    looks = (look, *(looks_nowhere for _ in names[1:]))
    by_model = [
        status_of(statements, now, spoken(name, config.project, statements), each)
        for name, each in zip(names, looks, strict=True)
    ]
    lines = [
        line
        for name, one in zip(names, by_model, strict=True)
        for line in _stage_lines(one, now, name if config.models else "")
    ]
    to_run = any(one.heads.get("register") is None or one.stale for one in by_model)
    found = by_model[0]
    live = tuple(line for one in found.live for line in live_lines(one, now))
    return StatusPage(
        config.name,
        ledger.root,
        ledger.roles.separation(),
        tuple(lines),
        live or (f"nothing is live in {', '.join(policy.environments)}",),
        _next(to_run=to_run, is_live=bool(found.live)),
        newest_in_words(Said(policy, ledger.statements(), ledger.note), now),
        tuple(waiver_in_words(one, now) for one in found.waivers),
        tuple(ladder_json(one, now) for one in found.live),
    )


def live_in(one: Registration, statements: Sequence[Evidence]) -> tuple[str, ...]:
    """The environments in which this model is the live one."""
    found = _standings(one.name, statements)
    return tuple(place for place, standing in found if standing.live.manifest == one.manifest)


def on_ladder_in(one: Registration, statements: Sequence[Evidence]) -> tuple[str, ...]:
    """Where this model is on the ladder: `on canary in prod`."""
    found = ((place, standing.candidate) for place, standing in _standings(one.name, statements))
    return tuple(f"on {each.rung} in {place}" for place, each in found if each and each.manifest == one.manifest)


def _standings(name: str, statements: Sequence[Evidence]) -> Iterator[tuple[str, Standing]]:
    environments = dict.fromkeys(str(e.predicate.get("environment")) for e in statements if e.claim == "deploy")
    for environment in environments:
        with suppress(LockgateError):
            found = deployments.standing_of(environment, name, statements)
            if found is not None:
                yield environment, found


def interval(metric: Mapping[str, Any]) -> str:
    """`0.871 [0.865, 0.877]`."""
    if metric.get("low") is None:
        return f"{metric['value']:.4g}"
    return f"{metric['value']:.4g} [{metric['low']:.4g}, {metric['high']:.4g}]"


def _metrics(ledger: Ledger, one: Registration) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    said = ledger.get(one.inputs["judge"]).predicate
    metrics = said.get("metrics")
    return (metrics if isinstance(metrics, Mapping) else {}), said


def _verdicts(place: Workplace, manifest: Digest, statements: Sequence[Evidence]) -> Mapping[str, Verdict]:
    """What every environment says of the model that a run made: also of approvals and waivers, as at deployment."""
    one = next((one for one in registrations(statements) if one.manifest == manifest), None)
    said = Said(place.policy, statements)
    return verdicts_of(one, said, place.now(), first=place.environment) if one else {}


def _stage_lines(found: Status, now: datetime, model: str) -> Iterator[StageLine]:
    behind = {one.stage: one.message for one in found.stale}
    for claim in STAGE_ROLES:
        head = found.heads.get(claim)
        if head is None:
            yield StageLine(claim, "none", "not yet", model)
        else:
            text = f"{sentence(head)}   log entry {head.index}, {age(head.time, now)} ago"
            yield StageLine(claim, "warn" if claim in behind else "ok", behind.get(claim) or text, model)


def _next(*, to_run: bool, is_live: bool) -> tuple[str, ...]:
    if to_run:
        return ("lockgate run",)
    return ("lockgate serve", "lockgate verify --all") if is_live else ("lockgate deploy latest --env dev",)
