"""Drafts: trainings that are tried before one of them becomes a run. Nothing here is evidence.

    .lockgate/state/drafts/3/draft.json   what was tried and what came of it, in one strict form
    .lockgate/state/drafts/3/files/       its code and what it left beside, by digest
    .lockgate/state/drafts/parts/         the rows of drafts, by digest, cut once

Unsigned, in no log, in no registry: whoever can write here can make a draft look as good as they like, and gains a
person's attention. A promoted draft is trained anew, from the project's own code, on rows that ingest signed.
"""
