"""The records of one ladder, out of the prediction log. Trusts the log that it is given, which is a verified one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.audit.ladder.checks import Observed
from lockgate.audit.log import Log
from lockgate.audit.standings import Standing
from lockgate.core.record_kinds import ObservedRecord, parse_any

if TYPE_CHECKING:
    from lockgate.trust.policy_ladder import LadderPolicy

_MARK = b'"kind":"observed"'


def fits(record: ObservedRecord, standing: Standing) -> bool:
    """Whether a record was counted on the ladder that the candidate is on.

    That is: in this environment, of this candidate beside this live model, on a rung that a statement of the ladder
    put it on, from the first to the newest; of these two the rung's name too.
    """
    candidate, since = standing.candidate, standing.since
    if candidate is None or since is None:
        return False
    names = {since.sequence: since.rung, candidate.sequence: candidate.rung}
    return (
        record.environment == candidate.environment
        and record.model == candidate.manifest
        and record.base == standing.live.manifest
        and since.sequence <= record.step <= candidate.sequence
        and names.get(record.step, record.rung) == record.rung
    )


class Following:
    """The records of the ladder as `standing` has it, as the log grows. After a move one begins anew.

    `task` is `binary`, `multiclass` or `regression`: of the model's serving specification, or of its judging.
    """

    def __init__(self, standing: Standing, policy: LadderPolicy, task: str) -> None:
        self.observed = Observed(policy, task)
        self.size = 0
        self._standing = standing

    def extend(self, log: Log, until: int | None = None) -> None:
        """Take in what `log`, a later view of the same log, has more, up to the entry `until` (exclusive).

        Raises VerificationFailed.
        """
        end = log.size if until is None else until
        for entry in log.entries(self.size, end):
            if _MARK not in entry:
                continue
            try:
                record = parse_any(entry)
            except ValueError:
                continue  # LG720 of the log itself
            if isinstance(record, ObservedRecord) and fits(record, self._standing):
                self.observed.add(record)
        self.size = end


def observed_of(log: Log, standing: Standing, policy: LadderPolicy, task: str, *, until: int | None = None) -> Observed:
    """What was observed on this ladder in the first `until` entries. Raises VerificationFailed, Refused LG714."""
    found = Following(standing, policy, task)
    found.extend(log, until)
    return found.observed
