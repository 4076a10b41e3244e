"""The shell of scoring: verify, judge, predict, record, and only then give the predictions out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.audit.workplace import Workplace
from lockgate.contract.sources import SourceFile, capture
from lockgate.contract.spec import ACCEPTED, QUARANTINE, ROW
from lockgate.core.encoding import encode
from lockgate.core.record_kinds import FileRecord
from lockgate.core.records import SALT_BYTES, Receipt
from lockgate.core.row_tree import Roots, Tree, check_of, row_leaf, row_salt, source_leaf
from lockgate.core.wire import Column, WireError
from lockgate.errors import Refused, Unavailable
from lockgate.pipeline.scoring import layout
from lockgate.pipeline.scoring.choose import Chosen, choose
from lockgate.pipeline.scoring.giving import beside, check_out, draft, give
from lockgate.pipeline.scoring.judge import check_any, judge
from lockgate.pipeline.scoring.record import Place, ask_for_key, enter, fresh_id
from lockgate.pipeline.scoring.rows import inputs, packed
from lockgate.pipeline.scoring.spec import Scored, Wanted
from lockgate.pipeline.scoring.stream import Stream
from lockgate.pipeline.scoring.worker import Worker
from lockgate.pipeline.scoring.writing import Writer, writer
from lockgate.runtime.serving import ServingSpec
from lockgate.serve import evidence
from lockgate.serve.answers import Prediction
from lockgate.serve.output import shaper
from lockgate.serve.policies import serve_policy
from lockgate.serve.rules import pseudonym
from lockgate.serve.run import python_of
from lockgate.serve.spec import OutputRule, ServePolicy
from lockgate.supervise.sealing import Sealing
from lockgate.trust._edgefile import edge_secrets
from lockgate.trust.policy import Policy

EDGE_SECRETS = "edge.json"
CLIENT = "lockgate predict"
"""Who asked, in the record: no client of a gateway can be called so."""

SEALING_SECONDS, COURTESY_SECONDS = 30.0, 3.0
"""How long whoever seals is waited for: where the policy wants the record in the log first, and where it does not."""

Progress = Callable[[int, int], None]


def score(
    place: Workplace,
    wanted: Wanted,
    *,
    sealing: Sealing | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Scored:
    """Score `wanted.source` into `wanted.out`. `progress`: rows done, and how many there are.

    1. OUT and what belongs to it are new, and end in .parquet or .csv.
    2. The model may be used here (`choose`); its bytes are the registered ones (`evidence.read`).
    3. The file is copied and hashed; each row is accepted or refused by the inference contract.
    4. Accepted rows go to the jailed model; the output policy leaves of its answers what it leaves to this kind.
    5. The model may still be used: a revocation that came meanwhile counts.
    6. One record of all rows goes into the log.
    7. Refused rows, receipt and predictions get their names, the predictions last.

    Raises:
        Usage: LG675 OUT; what `choose` and reading raise about REF and file.
        Refused: what `choose` and `judge` raise; LG676 the model gave no answer.
        VerificationFailed: the evidence does not hold.
        Unavailable: LG677 the policy wants the record in the log, and it is not there in time; LG732, LG801 the disk.
    """
    # 1.
    ending = check_out(wanted)
    # 2.
    chosen = _choose(place, wanted.ref)
    closed = evidence.read(chosen.registration, place.ledger, place.registry)
    policy = serve_policy(place.ledger.statements(), place.environment)
    where = Place(place.home, sealing or Sealing.of(place))
    with place.scratch() as scratch, beside(wanted.out) as drafts:
        # 3.
        source = capture(wanted.source.parent, wanted.source.name, scratch / "source")
        ask_for_key(where)
        python = python_of(place, chosen.registration)
        validated = place.ledger.get(chosen.registration.inputs["validate"])
        examined = judge(closed, validated, source, wanted.form, python, scratch)
        check_any(examined, chosen.registration, source.name)
        # 4.
        salt = os.urandom(SALT_BYTES)
        counts = examined.reckoning
        rule = policy.output(wanted.kind)
        scoring = Scoring(closed.spec, rule, salt)
        made = drafts / "out"
        with (
            Worker(chosen.registration, closed, python) as worker,
            writer(made, ending, layout.schema_of(closed.spec, rule)) as out,
        ):
            scoring.run(examined.files[ACCEPTED], worker, out, lambda done: progress(done, counts.accepted))
        if scoring.rows != counts.accepted:
            raise Refused("LG213", "the accepted rows are not as many as were counted", next="lockgate doctor")
        # 5.
        chosen = _still(place, chosen, policy)
        # 6.
        roots = scoring.roots(source)
        record = record_of(place, chosen, scoring.rows, roots)
        must = policy.record == "sealed"
        sealed = enter(where, [record], seconds=SEALING_SECONDS if must else COURTESY_SECONDS)
        if must and not sealed:
            raise _not_sealed(record)
        # 7.
        receipt = Receipt(record.gateway, record.seq, salt).token()
        refused = counts.rows > counts.accepted
        if refused:
            give(draft(drafts / "quarantine", examined.files[QUARANTINE]), wanted.quarantine)
        said = told(record, receipt, roots, source, chosen.registration.ref, rule)
        give(draft(drafts / "receipt", said), wanted.receipt)
        give(made, wanted.out)
    return Scored(
        ref=chosen.registration.ref,
        manifest=chosen.registration.manifest,
        environment=place.environment,
        rung=chosen.rung,
        rows=counts.rows,
        scored=counts.accepted,
        by_rule=counts.by_rule,
        out=wanted.out,
        receipt=receipt,
        receipt_file=wanted.receipt,
        quarantine=wanted.quarantine if refused else None,
        root=record.root,
        sealed=sealed,
    )


class Scoring:
    """Accepted rows to predictions and to the tree over both."""

    def __init__(
        self,
        spec: ServingSpec,
        rule: OutputRule,
        salt: bytes,
        each: Callable[[Sequence[int], Sequence[Prediction]], None] = lambda _rows, _predictions: None,
    ) -> None:
        """`each` is told the rows of each batch and what the model said of them, before any output policy."""
        self._spec, self._salt, self._each = spec, salt, each
        self._shape = shaper(rule, spec.task)
        self._schema = layout.schema_of(spec, rule)
        self._inputs, self._outputs = Tree(), Tree()

    @property
    def rows(self) -> int:
        """How many were scored."""
        return self._outputs.size

    def roots(self, source: SourceFile) -> Roots:
        """What the record commits to."""
        return Roots(source_leaf(self._salt, source.digest), self._inputs.root, self._outputs.root)

    def run(
        self, accepted: Path, worker: Worker, out: Writer, progress: Callable[[int], None], *, numbered: bool = True
    ) -> None:
        """Score the rows of accepted.parquet, one batch in memory at a time. Raises LG213, LG676, LG801.

        Where they are not `numbered`, a row's number is its place.
        """
        wanted = [*([(ROW, "int64")] if numbered else []), *self._spec.field_types]
        try:
            with Stream(accepted, [name for name, _ in wanted]) as stream:
                if list(stream.columns) != wanted:
                    raise WireError("the accepted rows have other columns than the model")
                for _, _, columns in stream.batches():
                    numbers = columns.pop(0).values() if numbered else range(self.rows, self.rows + columns[0].rows)
                    self._score(numbers, columns, worker, out)
                    progress(self.rows)
        except (WireError, OSError) as error:
            message = f"the accepted rows could not be read back: {error}"
            raise Refused("LG213", message, next="lockgate doctor") from None

    def _score(self, numbers: Sequence[int], columns: Sequence[Column], worker: Worker, out: Writer) -> None:
        predictions: list[Mapping[str, Any]] = list(worker.predict(*packed(columns)))
        self._each(numbers, predictions)
        if self._shape is None:
            encoded = map(worker.encode, predictions)
        else:
            predictions = [self._shape(each) for each in predictions]
            encoded = map(encode, predictions)
        checks = list(self._committed(numbers, inputs(columns), encoded))
        out.add(layout.columns(self._schema, numbers, predictions, checks))

    def _committed(self, numbers: Sequence[int], given: Iterator[bytes], made: Iterator[bytes]) -> Iterator[str]:
        for row, one, other in zip(numbers, given, made, strict=True):
            salt = row_salt(self._salt, row)
            self._inputs.add(row_leaf(salt, row, one))
            leaf = row_leaf(salt, row, other)
            self._outputs.add(leaf)
            yield check_of(leaf)


def _choose(place: Workplace, ref: str) -> Chosen:
    head = place.ledger.head("policy")
    policy = place.policy if head is None else Policy.from_predicate(head.predicate)
    return choose(place.ledger.statements(), ref, policy.environment(place.environment), place.now())


def _still(place: Workplace, chosen: Chosen, policy: ServePolicy) -> Chosen:
    """After the work: the model may be used as before, by the policy as before. Raises as `choose`; Refused LG673."""
    place.ledger.refresh()
    found = _choose(place, chosen.registration.ref)
    if serve_policy(place.ledger.statements(), place.environment) != policy:
        raise Refused(
            "LG673",
            "the policy changed while the file was scored: nothing is given out",
            seen={"environment": place.environment},
            next="run the same command again",
        )
    return found


def record_of(
    place: Workplace, chosen: Chosen, rows: int, roots: Roots, *, gateway: str = "", seq: int = 0, by: str = CLIENT
) -> FileRecord:
    """The record of a file that was scored; under an id of its own where no `gateway` is given."""
    registration = chosen.registration
    key = edge_secrets(place.keyring.folder / EDGE_SECRETS).pseudonym
    return FileRecord(
        gateway=gateway or fresh_id(),
        seq=seq,
        time=int(place.now().timestamp() * 1000),
        model=registration.manifest,
        environment=place.environment,
        rung=chosen.rung,
        client=pseudonym(key, by),
        rows=rows,
        root=roots.root,
    )


def told(record: FileRecord, receipt: str, roots: Roots, source: SourceFile, ref: str, rule: OutputRule) -> bytes:
    """The receipt's file. The salt is in the receipt: whoever has both can open every row."""
    said = {
        "v": 1,
        "receipt": receipt,
        "ref": ref,
        "model": record.model,
        "environment": record.environment,
        "rung": record.rung,
        "rows": record.rows,
        "output": vars(rule),
        "file": {"name": source.name, "digest": source.digest, "bytes": source.size},
        "source": roots.source.hex(),
        "inputs": roots.inputs.hex(),
        "outputs": roots.outputs.hex(),
        "root": roots.root,
    }
    return encode(said) + b"\n"


def _not_sealed(record: FileRecord) -> Unavailable:
    return Unavailable(
        "LG677",
        "the policy wants the record in the log before predictions are given out, and nobody sealed it in time",
        seen={"gateway": record.gateway, "seconds": SEALING_SECONDS, "environment": record.environment},
        next="lockgate status   # is the sealer of `lockgate serve` at work?",
    )
