"""From the person's settings to each stage's spec. Pure."""

from __future__ import annotations

from dataclasses import replace

from lockgate.audit.workplace import Workplace
from lockgate.config import Config
from lockgate.core.digest import Digest
from lockgate.core.screen import RULES
from lockgate.ingest.spec import Database, IngestSpec, Source, Store
from lockgate.monitor.asked import Asked
from lockgate.sandbox.settings import Limits
from lockgate.train.spec import TrainSpec
from lockgate.validate.spec import Screening, ValidateSpec


def ingest_spec(config: Config) -> IngestSpec:
    """`[data]` as ingest takes it."""
    data = config.data
    return IngestSpec(
        tuple(Source(pattern) for pattern in data.sources),
        data.null,
        data.delimiter,
        data.encoding,
        {name: Digest(digest) for name, digest in data.pins.items()},
        tuple(Store(prefix, **settings) for prefix, settings in data.stores.items()),
        tuple(Database(name, **settings) for name, settings in data.databases.items()),
        config.inputs,
    )


def validate_spec(config: Config, workplace: Workplace) -> ValidateSpec:
    """`[data]`, `[screen]` and what the policy says of rows, as validate takes them."""
    policy = workplace.policy.environment(workplace.environment)
    return ValidateSpec(
        config.data.contract_file,
        config.data.contract_class,
        config.data.label,
        config.train.code,
        policy.max_quarantined_share,
        policy.weight("max_quarantined_share") == "enforce",
        config.data.sensitive,
        config.data.dates,
        monitor=Asked.of(config.monitor, config.data.time),
        numbers=config.data.numbers,
        screen=Screening({rule: policy.screen.weight(rule) for rule in RULES}, config.screen.origin),
    )


def train_spec(config: Config) -> TrainSpec:
    """`[train]` as train takes it."""
    train = config.train
    return TrainSpec(
        label=config.data.label,
        code=train.code,
        always=(config.data.contract_file,),
        function=train.function,
        script=train.script,
        features=train.features,
        time=config.data.time,
        group=config.data.group,
        holdout=train.holdout,
        seed=train.seed,
        params=dict(train.params),
        parity=train.parity,
        parity_metric=train.parity_metric,
        lock=train.lock,
        limits=Limits(
            memory=train.memory,
            tasks=train.tasks,
            files=train.descriptors,
            cpu_seconds=int(train.cpu),
            wall_seconds=int(train.time),
            output_bytes=train.out,
            tmp_bytes=train.tmp,
            shm_bytes=train.shm,
            inodes=train.inodes,
        ),
        inputs=config.inputs,
        gpu=train.gpu,
        control=train.control,
        control_time=train.control_time,
        monitor=replace(Asked.of(config.monitor, config.data.time), exclude=()),
        robustness=config.robustness and replace(config.robustness, of=config.name),
    )
