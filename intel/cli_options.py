"""Which options and arguments do the commands take, and what does `--help` say about each?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from intel.model import Tier as TierName

# Of many commands.
Store = Annotated[Path | None, Option("--store", metavar="DIR", help="The store; if not given INTEL_STORE or ./store.")]
Json = Annotated[bool, Option("--json", help="Print one JSON document instead of a page.")]
Progress = Annotated[Literal["plain", "json"], Option("--progress", help="How to talk on stderr.")]
Strict = Annotated[bool, Option("--strict", help="Exit with 1 when some rows were not taken.")]
Out = Annotated[Path, Option("--out", metavar="FILE", help="Where to: .parquet, .csv or .jsonl.")]
Source = Annotated[str | None, Option(metavar="NAME", help="Who says so.")]

# Data in.
Paths = Annotated[list[Path], Argument(metavar="PATH...", help="Files, folders or globs.")]
Chain = Annotated[str | None, Option(metavar="NAME", help="The chain, for files without a chain column.")]
Kind = Annotated[
    str | None,
    Option(
        metavar="KIND",
        help="transfers, transactions, traces, token_transfers, logs, blocks, edges or events; "
        "found out when left out.",
    ),
]
Deep = Annotated[bool, Option("--deep", help="Read every byte of the store: checksums of builds, pages of the lake.")]
DryRun = Annotated[bool, Option("--dry-run", help="Read and check everything, write nothing.")]
Private = Annotated[bool, Option("--private", help="Keep them in the workspace, apart from published claims.")]
OfAddress = Annotated[str | None, Option("--address", metavar="ADDRESS", help="About this address.")]
Purge = Annotated[bool, Option("--purge", help="Remove them instead of dating their retraction.")]
Assets = Annotated[list[Path] | None, Option(metavar="PATH", help="The verified map from symbol to contract.")]

# A node.
Url = Annotated[str, Argument(metavar="URL", help="The node's http:// or https:// address; its key is never shown.")]
Blocks = Annotated[str | None, Option("--blocks", metavar="A:B", help="First and last block, both included.")]
Follow = Annotated[bool, Option("--follow", help="Go on with new blocks until stopped, or up to B.")]
NodeChain = Annotated[str | None, Option("--chain", metavar="NAME", help="The chain it must be on.")]
Wrapped = Annotated[
    list[str] | None,
    Option("--wrapped", metavar="ADDRESS", help="A contract of the wrapped native coin, where unlisted."),
]
Batch = Annotated[int, Option("--batch", metavar="N", min=1, help="Blocks asked for in one request.")]
Workers = Annotated[int, Option("--workers", metavar="N", min=1, help="Requests at once.")]
Verify = Annotated[str | None, Option("--verify", metavar="URL", help="Compare balances with those of this node.")]
VerifiedAddresses = Annotated[
    Path | None, Option("--addresses", metavar="FILE", help="Of these addresses; if not given those that moved most.")
]

# Builds and the demo.
Ml = Annotated[bool, Option("--ml/--no-ml", help="Train and apply the models too.")]
Full = Annotated[bool, Option("--full", help="Build even where nothing has changed.")]
Memory = Annotated[str | None, Option(metavar="SIZE", help="Bound of memory, such as 8GB.")]
Engine = Annotated[
    str | None,
    Option(
        metavar="ENGINE",
        help="What runs the rules: duckdb, spark://HOST:PORT or local[N]; if not given INTEL_ENGINE or duckdb.",
    ),
]
AsKnownOn = Annotated[
    str | None,
    Option("--as-known-on", metavar="DATE", help="With what was recorded and mined up to the end of this day alone."),
]
KeepGoing = Annotated[bool, Option("--keep-going", help="Exit with 0 even where a heuristic failed.")]
Size = Annotated[int, Option("--transfers", metavar="N", min=1, help="About how many transfers.")]
Preset = Annotated[Literal["easy", "default", "hard"], Option(help="How hard the economy is to see through.")]
Seed = Annotated[int, Option(metavar="N", min=0, help="Equal seeds give equal ledgers.")]
App = Annotated[bool, Option("--app/--no-app", help="Serve the app, or print the profile of one exchange.")]
Build = Annotated[str, Argument(metavar="BUILD", help="A build id of `intel snapshots list`.")]
KeptHours = Annotated[
    int, Option(metavar="N", min=1, help="Keep superseded files for so long: whoever reads them is done by then.")
]
Keep = Annotated[int, Option(metavar="N", min=1, help="How many of the newest to keep.")]

# Questions.
Subject = Annotated[str, Argument(metavar="SUBJECT", help="An address (hex or CAIP-10), entity id or name.")]
Since = Annotated[str | None, Option(metavar="DATE", help="From this day, month, year or ISO time on (UTC).")]
Until = Annotated[str | None, Option(metavar="DATE", help="Up to the end of this day, month or year (UTC).")]
Tier = Annotated[TierName, Option("--tier", help="Which addresses of an entity count; `probable` takes all.")]
Method = Annotated[
    Literal["average", "fifo", "lifo", "hifo"], Option(help="Which cost a sale has, for profit and loss.")
]
Counterparty = Annotated[str | None, Option(metavar="X", help="Only with this address or entity.")]
Token = Annotated[str | None, Option(metavar="T", help="Only this contract, symbol, or `native`.")]
Direction = Annotated[Literal["in", "out"] | None, Option(help="Only what was received, or sent.")]
MinUsd = Annotated[float | None, Option(metavar="V", min=0, help="Only of this value or more.")]
Limit = Annotated[int, Option(metavar="N", min=1, help="How many to print, newest first.")]
AllOut = Annotated[
    Path | None, Option("--out", metavar="FILE", help="Write all, oldest first, to .parquet, .csv or .jsonl.")
]
AddressFile = Annotated[
    Path, Argument(metavar="FILE", help="Addresses: .txt (one a line), .csv, either as .gz too, or .parquet.")
]
Columns = Annotated[str | None, Option(metavar="A,B,...", help="Which columns to write; if not given all.")]
AddressColumn = Annotated[str | None, Option(metavar="NAME", help="Which column of FILE holds the addresses.")]
Resume = Annotated[bool, Option("--resume", help="Keep what a killed run into the same FILE had finished.")]
PublicOnly = Annotated[bool, Option("--public-only", help="Leave private labels, and what rests on them, out.")]
NoJunk = Annotated[bool, Option("--strict", help="Fail at the first input that is no address.")]
Table = Annotated[
    str, Argument(metavar="NAME", help="evidence, clusters, entities, attributions, roles, labels or issues.")
]
IncludePrivate = Annotated[bool, Option("--include-private", help="The private overlay too.")]
GraphUri = Annotated[
    str | None, Argument(metavar="URI", help="The server, such as bolt://localhost:7687, without user or password.")
]
GraphDatabase = Annotated[str | None, Option("--database", metavar="NAME", help="If not given the server's default.")]
OfSubject = Annotated[
    str | None, Option("--subject", metavar="X", help="Only the single transfers near this address or entity.")
]
Hops = Annotated[int, Option("--hops", metavar="N", min=1, help="How far from it; hubs are reached, not passed.")]
GraphOut = Annotated[Path, Option("--out", metavar="FILE", help="Where to: .graphml or .json.")]
GraphHops = Annotated[int, Option("--hops", metavar="N", min=1, max=3, help="How far; custodians are not passed.")]
GraphLimit = Annotated[int, Option("--limit", metavar="N", min=1, help="Counterparties of each that stand alone.")]
GraphMinUsd = Annotated[float, Option("--min-usd", metavar="V", min=0, help="Only who dealt in this much or more.")]
GraphCategory = Annotated[str | None, Option("--category", metavar="C", help="Only counterparties of this category.")]
CsvFolder = Annotated[
    Path | None, Option("--csv", metavar="DIR", help="Write files for `neo4j-admin database import` instead.")
]
BackupOut = Annotated[
    Path | None, Option("--out", metavar="FILE", help="Where to; if not given a dated file in STORE/backups.")
]
OutFolder = Annotated[Path, Option("--out", metavar="DIR", help="A new or empty folder, or an earlier export.")]
FtmOut = Annotated[Path, Option("--out", metavar="FILE", help="Where to; what it is goes into FILE.about.json.")]
Dataset = Annotated[str, Argument(metavar="NAME", help="A name of `intel datasets list`.")]
Folder = Annotated[Path | None, Option("--to", metavar="DIR", help="Where to; if not given STORE/datasets.")]

# Judgements.
MaybeSubject = Annotated[str | None, Argument(help="An address (hex or CAIP-10), entity id or name.")]
Verdict = Annotated[Literal["same", "different", "unsure"] | None, Argument(help="What you judge of the two.")]
Because = Annotated[str, Option("--because", metavar="TEXT", help="Why; kept beside the verdict.")]
Revoke = Annotated[int | None, Option("--revoke", metavar="ID", help="Take the judgement of this number back.")]
FromGraph = Annotated[
    str | None,
    Option("--from-neo4j", metavar="URI", help="Take in what was judged there: (:Address)-[:JUDGED]->(:Address)."),
]
ListJudgements = Annotated[bool, Option("--list", help="List all judgements, those taken back too.")]

# How right is it.
Truth = Annotated[Path, Argument(metavar="TRUTH", help="Known owners: .csv or .parquet, never read by a build.")]
MaxPairs = Annotated[
    int | None, Option("--pairs", metavar="MAX_PER_GROUP", help="Of larger owners, a sample with so many pairs.")
]
Hide = Annotated[
    float | None,
    Option("--hide", metavar="SHARE", help="Hide half of each owner's addresses, and of this share all."),
]
Splits = Annotated[int, Option(metavar="N", help="How often --hide draws anew.")]
