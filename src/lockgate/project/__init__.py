"""A project: its folder, its keys, its evidence. The library's and the notebook's way in; the CLI uses it too.

    from lockgate import Project
    result = Project.open(".").run()

Every method verifies what it reads, from the root that the user pinned, before it believes or changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from lockgate.audit.ledger import EVENTS, Ledger, claimed_project
from lockgate.audit.seen import SeenStore
from lockgate.config import FILENAME, Config, load_config
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.store.lock import lock
from lockgate.trust import pin as pins
from lockgate.trust.policy import Policy

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.workplace import Workplace
    from lockgate.pipeline import Observer, RunResult, StageDone
    from lockgate.project.deploying import Deployed, RolledBack, Worded
    from lockgate.project.founding import Founded
    from lockgate.project.locking import Locked
    from lockgate.project.pages import ModelLine, ModelPage, StatusPage, TrustPage
    from lockgate.project.policies import Change, PolicySigned, PolicyState
    from lockgate.project.reports import EverythingReport, LogsReport, ModelReport, Proof, ReceiptReport
    from lockgate.serve.spec import Client

DEV = "dev"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Project:
    """A folder with a lockgate.toml. Holds nothing open; each method opens, verifies, does, and closes.

    Attributes:
        now: the clock; tests hand in a frozen one.
        seen_folder: where the last checkpoints seen are kept; a copy that is to be tampered with has its own, so
            that what it writes does not make the original look rolled back.
    """

    root: Path
    now: Callable[[], datetime] = _now
    seen_folder: Path | None = None

    @staticmethod
    def open(directory: str | Path = ".") -> Project:
        """The project in `directory`, or in the nearest folder above. Raises Usage (LG945)."""
        start = Path(directory).resolve()
        for place in (start, *start.parents):
            if (place / FILENAME).is_file():
                return Project(place)
        raise Usage(
            "LG945",
            "this is not a project: there is no lockgate.toml here or above",
            seen={"folder": str(start)},
            next="lockgate init",
        )

    @staticmethod
    def create(directory: str | Path = ".", *, person: str = "") -> Founded:
        """Make keys, root, log and registry for the project in `directory`, and pin its root for this user.

        Raises Refused (LG947) where a project is already.
        """
        from lockgate.project.founding import found

        return found(Path(directory).resolve(), person=person, now=_now())

    @property
    def home(self) -> Path:
        """The evidence: `.lockgate`."""
        return self.root / ".lockgate"

    @cached_property
    def config(self) -> Config:
        """`lockgate.toml`, read once. Raises Usage (LG942)."""
        return load_config(self.root)

    def trusted_root(self, root: str = "") -> str:
        """The root fingerprint to verify under: `root`, else the one this user pinned for what is here.

        Raises:
            Refused: LG946 there is no evidence; LG825 its root is not pinned.
            VerificationFailed: LG701 there was evidence here, and it is gone; LG826 this folder held another project;
                LG828 `root` is not its root.
        """
        if not (self.home / "log" / EVENTS / "checkpoint").is_file():
            known = pins.project_at(self.root)
            if known:
                raise VerificationFailed(
                    "LG701",
                    "the event log of this project is gone",
                    seen={"folder": str(self.home), "project": known},
                    next="restore .lockgate from where you trust it",
                )
            raise Refused(
                "LG946", "this project has no evidence yet", seen={"folder": str(self.home)}, next="lockgate init"
            )
        claimed = claimed_project(self.home)
        if root:
            wanted = pins.check_project_id(root.removeprefix("sha256:"))
            if wanted != claimed:
                raise VerificationFailed(
                    "LG828",
                    "this project's root is another one",
                    seen={"expected": wanted, "seen": claimed},
                    next="ask the project's owner for the fingerprint and the folder",
                )
            return wanted
        pins.check_place(self.root, claimed)
        if pins.pinned(claimed) is None:
            raise Refused(
                "LG825",
                "nobody has told this user account to trust this project's root, so nothing can be verified",
                seen={"root": f"sha256:{claimed}"},
                next=f"lockgate trust pin {claimed}   # after asking its owner for the fingerprint, another way",
            )
        return claimed

    def ledger(self, root: str = "") -> Ledger:
        """The event log, verified, for reading."""
        trusted = self.trusted_root(root)
        return Ledger(self.home, trusted, seen=self.seen(trusted, EVENTS))

    def policy(self, ledger: Ledger) -> Policy:
        """The policy in force: the newest signed one."""
        head = ledger.head("policy")
        if head is None:
            raise VerificationFailed("LG524", "no policy was ever signed in this project", next="lockgate policy sign")
        return Policy.from_predicate(head.predicate)

    @contextmanager
    def workplace(self, environment: str = DEV, *, say: Callable[[str], None] = lambda _: None) -> Iterator[Workplace]:
        """What the stages work with, while holding the project's lock. Repairs what a killed process left.

        Raises as `trusted_root` and `Ledger`; Unavailable (LG807) when another command is at work here.
        """
        from lockgate.project.opening import repair, workplace_of
        from lockgate.sandbox.levels import at_least

        trusted = self.trusted_root()
        with lock(self.home / "state" / "locks" / "project", wait=False):
            place = workplace_of(self, trusted, environment, say)
            repair(place)
            with at_least(place.least_jail_level):
                yield place

    def unlocked(self, environment: str = DEV, *, say: Callable[[str], None] = lambda _: None) -> Workplace:
        """A workplace for a process that lives long beside others: what it appends is in order all the same."""
        from lockgate.project.opening import workplace_of

        return workplace_of(self, self.trusted_root(), environment, say)

    def run(self, *, environment: str = DEV, fresh: bool = False, observer: Observer | None = None) -> RunResult:
        """Ingest, validate, train, judge, register. Deploys nothing.

        Raises Refused when a rule says no, Usage when the user's files are wrong, Unfit when the jail cannot hold.
        """
        from lockgate.pipeline import ORDER, Nobody, run_stages
        from lockgate.project.pages import run_result

        began = monotonic()
        watcher = observer or Nobody()
        with self.workplace(environment, say=watcher.say) as place:
            stages = run_stages(place, self.config, ORDER, watcher, fresh=fresh)
            return run_result(place, self.config, stages, monotonic() - began)

    def run_stage(self, name: str, *, environment: str = DEV, observer: Observer | None = None) -> StageDone:
        """One stage, done anew."""
        from lockgate.pipeline import Nobody, run_stages

        watcher = observer or Nobody()
        with self.workplace(environment, say=watcher.say) as place:
            return run_stages(place, self.config, (name,), watcher, fresh=True)[0]

    def lock(
        self,
        *,
        upgrade: bool = False,
        upgrade_packages: tuple[str, ...] = (),
        build: tuple[str, ...] = (),
        check: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> Locked:
        """Make the lock of the training environment, or check it. Raises as `lockgate.project.locking.make_lock`."""
        from lockgate.project.locking import make_lock
        from lockgate.sandbox.levels import at_least

        packages = {"upgrade_packages": upgrade_packages, "build": build}
        with at_least(self._jail_level()):
            return make_lock(self, say=say, upgrade=upgrade, check=check, **packages)

    def _jail_level(self) -> int:
        """The level that this project's policy asks for; the highest where no policy can be trusted yet."""
        from lockgate.sandbox.report import LEVELS

        try:
            return self.policy(self.ledger()).environment(DEV).least_jail_level
        except LockgateError:
            return LEVELS

    def deploy(
        self,
        ref: str,
        *,
        environment: str = DEV,
        rung: str = "live",
        reason: str = "",
        observer: Observer | None = None,
    ) -> Deployed:
        """Make `ref` live in `environment`, if its policy agrees. Raises as `lockgate.deploy.run.deploy`."""
        from lockgate.project.deploying import deploy

        with self.workplace(environment) as place:
            return deploy(place, ref, rung=rung, reason=reason, observer=observer)

    def approve(self, ref: str, *, environment: str, reason: str = "") -> Worded:
        """Sign, as approver, that `ref` may go live in `environment`."""
        from lockgate.project.deploying import approve

        with self.workplace(environment) as place:
            return approve(place, ref, reason=reason)

    def revoke(self, ref: str, *, reason: str) -> Worded:
        """Sign, as revoker, that `ref` must not be used any more."""
        from lockgate.project.deploying import revoke

        with self.workplace() as place:
            return revoke(place, ref, reason=reason)

    def rollback(self, what: str, *, to: str = "", reason: str = "") -> RolledBack:
        """Make an earlier statement of a stage its head, or an earlier model live in an environment."""
        from lockgate.project.deploying import rollback

        with self.workplace() as place:
            return rollback(place, what, to=to, reason=reason)

    def models(self) -> tuple[ModelLine, ...]:
        """What is registered, oldest first."""
        from lockgate.project.pages import model_lines

        return model_lines(self.ledger(), self.now())

    def show(self, ref: str = "latest") -> ModelPage:
        """One model's page."""
        from lockgate.project.pages import model_page

        return model_page(self.ledger(), self.resolve(ref), self.now())

    def resolve(self, ref: str, *, root: str = "", environment: str = DEV) -> Registration:
        """The registration that a REF names. Raises Usage LG501 to LG503."""
        from lockgate.audit.refs import resolve

        return resolve(ref, self.ledger(root).statements(), environment)

    def status(self) -> StatusPage:
        """Where everything stands."""
        from lockgate.project.pages import status_page

        ledger = self.ledger()
        return status_page(ledger, self.config, self.policy(ledger), self.now())

    def verify(self, ref: str = "latest", *, root: str = "", materialize: Path | None = None) -> ModelReport:
        """Walk one model's chain back to the root. Raises VerificationFailed at the first step that fails."""
        from lockgate.project.proving import verify_model

        return verify_model(self, ref, root=root, materialize=materialize)

    def verify_everything(self, *, root: str = "") -> EverythingReport:
        """Every file under registry and log, every statement, every model."""
        from lockgate.project.proving import verify_everything

        return verify_everything(self, root=root)

    def verify_logs(self, *, root: str = "") -> LogsReport:
        """Both logs, read whole."""
        from lockgate.project.proving import verify_logs

        return verify_logs(self, root=root)

    def verify_receipt(self, token: str, *, root: str = "", record: Path | None = None) -> ReceiptReport:
        """One prediction, from its receipt."""
        from lockgate.project.proving import verify_receipt

        return verify_receipt(self, token, root=root, record=record)

    def prove(self, what: str) -> Proof:
        """An offline proof for a receipt, or for a statement by digest, prefix or log index."""
        from lockgate.project.proving import prove

        return prove(self, what)

    def trust(self, root: str = "") -> TrustPage:
        """Root, roles, holders. With `root`, also where it is not pinned."""
        from lockgate.project.pages import trust_page

        ledger = self.ledger(root)
        return trust_page(ledger, is_pinned=pins.pinned(ledger.root) is not None)

    def pin(self, fingerprint: str) -> str:
        """Trust `fingerprint` as this project's root, for this user. Raises VerificationFailed when it is not."""
        trusted = self.trusted_root(fingerprint)
        Ledger(self.home, trusted)
        pins.pin(trusted, self.root, self.now())
        return trusted

    def unpin(self, fingerprint: str) -> None:
        """Trust that root no longer."""
        pins.unpin(pins.check_project_id(fingerprint.removeprefix("sha256:")))

    def policy_state(self) -> PolicyState:
        """The policy in force, and whether policy.toml says something else."""
        from lockgate.project.policies import read_policy_file, state

        return state(self.policy(self.ledger()), read_policy_file(self.root))

    def policy_diff(self) -> tuple[Change, ...]:
        """What policy.toml would change."""
        from lockgate.project.policies import compare, read_policy_file

        return tuple(compare(self.policy(self.ledger()), read_policy_file(self.root)))

    def policy_sign(self) -> PolicySigned:
        """Put policy.toml in force. Raises Refused (LG842) unless its version rises."""
        from lockgate.project.policies import read_policy_file, sign

        with self.workplace() as place:
            return sign(place, read_policy_file(self.root))

    def public_key(self, role: str, *, root: str = "") -> bytes:
        """The public half of a role's key (PEM), from the verified roles file."""
        return self.ledger(root).roles.key_for(role).pem.encode()

    def jail(self, command: tuple[str, ...], *, say: Callable[[str], None]) -> int:
        """Run `command` in training's jail; its exit status."""
        from lockgate.pipeline.stages import run_in_train_jail

        with self.workplace(say=say) as place:
            return run_in_train_jail(place, self.config, command)

    def serve(self, **options: Any) -> None:
        """Serve what is live until interrupted; see `lockgate.project.serving.serve`."""
        from lockgate.project.serving import serve

        serve(self, **options)

    def add_client(self, name: str, *, kind: str = "external") -> str:
        """Make an API key for `name`; the only time it is seen."""
        from lockgate.project.serving import client_registry

        serve = self.config.serve
        return client_registry(self).add(name, now=self.now(), kind=kind, rate=serve.rate, burst=serve.burst).key

    def clients(self) -> tuple[Client, ...]:
        """The clients; no keys."""
        from lockgate.project.serving import client_registry

        return tuple(client_registry(self).list())

    def revoke_client(self, name: str) -> None:
        """Take a client's key back."""
        from lockgate.project.serving import client_registry

        client_registry(self).revoke(name, now=self.now())

    def facts(self, environment: str) -> tuple[str, ...]:
        """The header of a run: name, policy, signer, jail level."""
        from lockgate.project.pages import header

        ledger = self.ledger()
        return header(self.config, self.policy(ledger), ledger, environment)

    def seen(self, trusted: str, log: str) -> SeenStore:
        """The last checkpoint seen of one of the logs."""
        return SeenStore((self.seen_folder or pins.seen_folder(trusted)) / log)
