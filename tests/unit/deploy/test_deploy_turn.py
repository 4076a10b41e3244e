"""Whose turn it is: nobody is asked for anything while it is held, and an emergency command works while one climbs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.entries import registrations
from lockgate.deploy.authorising import authorise
from lockgate.deploy.revoking import revoke
from lockgate.deploy.rollback import rollback
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.statements import approval_statement
from lockgate.deploy.words import approve, waive
from lockgate.errors import Unavailable
from lockgate.store.lock import lock
from lockgate.trust.keyring import Keyring
from lockgate.trust.signer import Signer
from tests.support.laddering import Here, loaded, move, refused, stands


class Asking(Keyring):
    """A keyring that asks for a passphrase the first time, and looks whether somebody has to wait for that."""

    def __init__(self, here: Here) -> None:
        ring = here.project.keyring
        super().__init__(ring.project_id, ring.folder, ring.root_key)
        self.here = here
        self.asked: dict[str, list[str]] = {}

    def signer(self, role: str) -> Signer:
        """As ever."""
        if role not in self.asked:
            self.asked[role] = [name for name in ("deploy", "statements", "events") if self.taken(name)]
        return super().signer(role)

    def taken(self, name: str) -> bool:
        """Whether a lock is held."""
        try:
            with lock(self.here.project.home / "state" / "locks" / name, wait=False):
                return False
        except Unavailable:
            return True


ACTS: dict[str, Callable[[Any, str], object]] = {
    "deployer": lambda place, where: deploy(place, DeploySpec("flights@2", where, "canary", reason="x")),
    "deployer, back": rollback,
    "deployer, for a while": lambda place, where: authorise(
        place, DeploySpec("flights@2", where), place.now() + timedelta(days=1)
    ),
    "revoker": lambda place, _: revoke(place, place.ledger.statements()[-1].digest, "a flaw"),
    "approver": lambda place, where: approve(place, "flights@2", where),
    "approver, of a waiver": lambda place, where: waive(
        place, "LG358", where, reason="x", expires=place.now() + timedelta(days=1)
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_no_key_is_asked_for_while_others_wait(act: str, here: Here) -> None:
    """Neither the role's nor the sealer's: a person at a prompt would keep the guard from taking a model off."""
    move(here)
    ring = Asking(here)
    ACTS[act](replace(here.workplace(), keyring=ring), here.environment)
    assert ring.asked == {act.partition(",")[0]: [], "sealer": []}


def test_what_is_approved_is_shown_before_anybody_waits(here: Here) -> None:
    """A terminal that stands still holds nobody up; what is signed is the model that was shown."""
    ring, held = Asking(here), list[bool]()
    show = lambda _: held.append(ring.taken("deploy"))  # noqa: E731 - for one call
    done = approve(here.workplace(), "latest", here.environment, show=show)
    assert (held, done.asked.registration.ref) == ([False], "flights@3")


def test_the_emergency_command_goes_back_where_what_is_live_is_gone(own: Here) -> None:
    """As without a model on the ladder: to the version before, and the candidate goes with it. The control: while it
    may be used, what is live stays, and only the candidate goes.
    """
    for rung in ("", "canary", "quarter", "live"):
        move(own, rung, reason="by hand")
    own.project.candidate(3.0)
    from tests.support.project import register_here

    with pytest.MonkeyPatch.context() as patch:
        register_here(own.project, patch)
    move(own, ref="flights@3")
    assert stands(own) == (2, "shadow")
    done = rollback(own.workplace(), own.environment)
    assert (stands(own), done.withdrawn) == ((2, ""), "flights@3")
    move(own, ref="flights@3")
    revoke(own.workplace(), "flights@2", "a flaw")
    assert refused(lambda: loaded(own)).finding == "LG514"
    done = rollback(own.workplace(), own.environment)
    assert (stands(own), done.withdrawn) == ((1, ""), "flights@3")


def test_whoever_signs_opens_the_sealer_s_key_before_it_locks_the_log(here: Here) -> None:
    """Every stage does, and has no turn: the guard appends to the same log."""
    ring = Asking(here)
    model = registrations(here.statements)[0]
    statement = approval_statement(model, here.environment, reason="", now=here.project.clock())
    replace(here.workplace(), keyring=ring).record("approver", statement)
    assert ring.asked == {"approver": [], "sealer": []}
