"""How quickly does each block of a profile answer, for ordinary addresses, the largest exchange and a giant entity?

    .venv/bin/python bench/profiler.py --store DIR [--subjects 200] [--giant 1000000]
    .venv/bin/python bench/profiler.py --transfers 10000000 [--folder DIR]

The functions are those that the pages call. Each block is timed on one subject after the other, so whatever is gathered
about a subject is gathered anew; what is true of the whole build is kept between them, as it is between visitors. A
page is timed in a thread of its own, as Streamlit runs it. Nothing of a truth is read.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from intel.config import Settings
from intel.demo import prepare_store
from intel.model import Subject
from intel.profiler.activity import count_moves, summarise_activity
from intel.profiler.compare import compare_dates
from intel.profiler.coverage import last_seen_by_chain
from intel.profiler.dealings import tabulate_dealings, tabulate_new
from intel.profiler.disposals import tabulate_disposals
from intel.profiler.events import gather_events
from intel.profiler.exchange_page import (
    tabulate_deposit_addresses,
    tabulate_netflows,
    tabulate_new_deposits,
    tabulate_reserves,
)
from intel.profiler.exposure import measure_exposure
from intel.profiler.history import tabulate_day, tabulate_history, tabulate_token_history
from intel.profiler.judge import list_judgements_about
from intel.profiler.largest import list_largest
from intel.profiler.members import count_members, tabulate_members
from intel.profiler.partner_tokens import tabulate_partners_in_token
from intel.profiler.pnl import compute_pnl
from intel.profiler.postings import ALWAYS
from intel.profiler.profile import build_profile
from intel.profiler.sheets import (
    sheet_counterparties,
    sheet_evidence,
    sheet_holdings,
    sheet_labels,
    sheet_usage,
    sheet_usage_over_time,
)
from intel.profiler.subjects import resolve_subject
from intel.profiler.tokens import resolve_token
from intel.profiler.transfers import TransferFilter, read_page
from intel.store.reader import Reader

SHOWN = 1_001  # rows that a page asks for
MEDIAN, HIGH, PAGE, GIANT = 0.050, 0.150, 2.0, 10.0  # seconds: what each may take

Block = Callable[[Reader, Subject], object]


def find_last_day(reader: Reader) -> date:
    """Return the last day that the store saw."""
    return max(last_seen_by_chain(reader).values()).date()


def compare_a_month(reader: Reader, subject: Subject) -> object:
    """Compare the last day with the one 30 days earlier, as the page does at first."""
    last = find_last_day(reader)
    return compare_dates(reader, subject, last - timedelta(days=30), last)


def deal_in_token(reader: Reader, subject: Subject) -> object:
    """Tabulate with whom the subject dealt in the token in which most have dealt."""
    token = reader.once("bench token", lambda: resolve_token(reader, find_token(reader)))
    return tabulate_partners_in_token(reader, subject, token, ALWAYS, limit=SHOWN)


def find_token(reader: Reader) -> str:
    """Return the token that most addresses have held."""
    rows = reader.query(
        """select a.chain || ':' || coalesce(a.token, 'native') from facts.address_assets
        join facts.assets a using (asset_id) where a.token is not null
        group by a.chain, a.token order by count(*) desc, 1 limit 1"""
    )
    return str(rows[0][0])


# What stands on the page, in its order. Some are parts of the first, `profile`, and shown one by one as well.
BLOCKS: dict[str, Block] = {
    "profile (header, figures, caveats)": build_profile,
    "holdings": lambda reader, subject: sheet_holdings(reader, subject, limit=SHOWN),
    "counterparties by entity": lambda reader, subject: sheet_counterparties(reader, subject, limit=SHOWN),
    "counterparties by address": lambda reader, subject: sheet_counterparties(
        reader, subject, by="address", limit=SHOWN
    ),
    "new counterparties, 30 days": lambda reader, subject: tabulate_new(reader, subject, days=30, limit=SHOWN),
    "dealings": lambda reader, subject: tabulate_dealings(reader, subject, limit=SHOWN),
    "counterparties in one token": deal_in_token,
    "activity": lambda reader, subject: (
        summarise_activity(reader, subject),
        count_moves(reader, subject),
    ),
    "exchange usage": sheet_usage,
    "exchange usage by month": sheet_usage_over_time,
    "deposit addresses used": lambda reader, subject: tabulate_deposit_addresses(reader, subject, limit=SHOWN),
    "balance history": tabulate_history,
    "balance history by token": tabulate_token_history,
    "what moved one day": lambda reader, subject: tabulate_day(reader, subject, find_last_day(reader)),
    "two dates compared": compare_a_month,
    "economic events": gather_events,
    "PnL, four methods": compute_pnl,
    "disposals": lambda reader, subject: tabulate_disposals(reader, subject, limit=SHOWN),
    "exposure": measure_exposure,
    "transfers, first page": lambda reader, subject: read_page(reader, subject, newest_first=True),
    "transfers, largest first": lambda reader, subject: read_page(reader, subject, sort="value", descending=True),
    "transfers, spam hidden": lambda reader, subject: read_page(
        reader, subject, TransferFilter(hides_spam=True, hides_internal=True), newest_first=True
    ),
    "labels": lambda reader, subject: sheet_labels(reader, subject, limit=SHOWN),
    "evidence": lambda reader, subject: sheet_evidence(reader, subject, limit=SHOWN),
    "judgements": lambda reader, subject: list_judgements_about(reader, [subject]),
}
OF_ENTITIES: dict[str, Block] = {
    "members": lambda reader, subject: tabulate_members(reader, subject, limit=SHOWN),
    "members counted": count_members,
    "netflows": tabulate_netflows,
    "reserves": tabulate_reserves,
    "deposit addresses first used": tabulate_new_deposits,
}
_OF_ITS_OWN = ("PnL, four methods", "disposals", "economic events")  # not on a custodian's page
# The tabs of the page: what one visit reads.
_OVERVIEW = (
    "profile (header, figures, caveats)", "holdings", "counterparties by entity", "exchange usage",
    "exchange usage by month", "deposit addresses used",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Seconds of one block: of each ordinary subject, and of the largest exchange (None: not on its page).

    `cpu` are the processor seconds of an ordinary subject, which tell more than the clock of a busy machine.
    """

    name: str
    ordinary: tuple[float, ...]
    exchange: float | None
    cpu: float = 0.0

    def is_missed(self) -> bool:
        """Say whether an ordinary subject waits longer than it should."""
        return bool(self.ordinary) and (
            statistics.median(self.ordinary) >= MEDIAN or _quantile(self.ordinary, 0.95) >= HIGH
        )


def _quantile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def draw_subjects(reader: Reader, count: int, seed: int) -> list[Subject]:
    """Return ordinary subjects: addresses of 2 to 500 postings, drawn by a hash of their text and the seed."""
    rows = reader.query(
        """select a.chain || ':' || a.address from facts.address_stats s join facts.addresses a using (address_id)
        where s.transfers_in + s.transfers_out between 2 and 500
        order by md5(a.address || $seed), a.chain limit $count""",
        {"seed": str(seed), "count": count},
    )
    return [resolve_subject(reader, str(row[0])) for row in rows]


def clock(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def clock_apart(work: Callable[[], object]) -> float:
    """Seconds that the work takes in a new thread, which has gathered nothing yet."""
    seconds: list[float] = []
    thread = threading.Thread(target=lambda: seconds.append(clock(work)))
    thread.start()
    thread.join()
    return seconds[0]


def measure_block(
    reader: Reader, name: str, block: Block, ordinary: Sequence[Subject], exchange: Subject | None
) -> Row:
    """Time a block once on each ordinary subject, and on the largest exchange the best of three, each time anew."""
    if name in OF_ENTITIES:
        ordinary = ()
    for subject in ordinary[:3]:
        block(reader, subject)  # what is kept for the whole build is made here
    busy = time.process_time()
    seconds = tuple(clock(lambda s=subject: block(reader, s)) for subject in ordinary)
    busy = time.process_time() - busy
    large = None
    if exchange is not None and name not in _OF_ITS_OWN:
        large = min(clock_apart(lambda: block(reader, exchange)) for _ in range(3))
    return Row(name, seconds, large, busy / max(1, len(ordinary)))


def read_blocks(reader: Reader, subject: Subject, names: Sequence[str]) -> None:
    """Read several blocks of one page, one after the other."""
    for name in names:
        (BLOCKS | OF_ENTITIES)[name](reader, subject)


def measure_pages(reader: Reader, ordinary: Sequence[Subject], exchange: Subject) -> Iterator[Row]:
    """Time the first view of the page, and the whole of it with all tabs, each in a thread of its own."""
    alone = [name for name in BLOCKS if name not in _OF_ITS_OWN] + list(OF_ENTITIES)
    for title, names, entity_names in (
        ("the page as it opens", _OVERVIEW, _OVERVIEW),
        ("every block of every tab", tuple(BLOCKS), alone),
    ):
        seconds = tuple(clock_apart(lambda s=s, n=names: read_blocks(reader, s, n)) for s in ordinary[:50])
        large = min(clock_apart(lambda n=entity_names: read_blocks(reader, exchange, n)) for _ in range(2))
        yield Row(title, seconds, large)


def make_giant(reader: Reader, count: int) -> Subject:
    """Return an entity of `count` addresses of the store's own; where it has fewer, of all of them."""
    ids = reader.arrow("select address_id from facts.addresses order by md5(address), chain limit $n", {"n": count})
    members = tuple(sorted(ids["address_id"].to_pylist()))
    return Subject("entity", "Giant", (), members, "giant", "confirmed", len(members))


def print_rows(rows: Iterable[Row]) -> list[Row]:
    """Print the table in milliseconds, row by row, and return its rows."""
    print(f"{'block':38s} {'median':>8s} {'p95':>8s} {'most':>8s} {'cpu':>8s}   {'largest exchange':>16s}   (ms)")
    told: list[Row] = []
    for row in rows:
        figures = [0.0] * 4
        if row.ordinary:
            figures = [statistics.median(row.ordinary), _quantile(row.ordinary, 0.95), max(row.ordinary), row.cpu]
        ordinary = "".join(f" {1000 * value:8.1f}" if value else " " * 9 for value in figures)
        large = "" if row.exchange is None else f"{1000 * row.exchange:,.0f}"
        print(f"{row.name:38s}{ordinary}   {large:>16s}{'   MISSED' if row.is_missed() else ''}", flush=True)
        told.append(row)
    return told


def measure_giant(reader: Reader, count: int) -> bool:
    """Print what the page of a giant costs; True where it is too slow."""
    subject = make_giant(reader, count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = clock_apart(lambda: read_blocks(reader, subject, _OVERVIEW))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"an entity of {len(subject.address_ids):,} addresses: the page as it opens in {seconds:.1f} s, "
        f"peak memory {after / 1024:,.0f} MB (before: {before / 1024:,.0f} MB)"
    )
    return seconds >= GIANT


def run(store: Path, options: argparse.Namespace) -> int:
    """Measure one store; 1 where an aim is missed."""
    with Reader(store, memory="4GB", threads=options.threads) as reader:
        ordinary = draw_subjects(reader, options.subjects, options.seed)
        entity_id, name, addresses = list_largest(reader, "exchange", limit=1)[0]
        exchange = resolve_subject(reader, entity_id) if options.exchange else None
        print(f"{len(ordinary)} ordinary addresses; {name}: {addresses:,} addresses")
        chosen = {n: b for n, b in (BLOCKS | OF_ENTITIES).items() if options.only in n}
        rows = print_rows(measure_block(reader, n, block, ordinary, exchange) for n, block in chosen.items())
        pages = (
            print_rows(measure_pages(reader, ordinary, exchange)) if exchange is not None and not options.only else []
        )
        missed = [row.name for row in rows if row.is_missed()]
        missed += [row.name for row in pages[:1] if (row.exchange or 0.0) >= PAGE]
        if options.giant and measure_giant(reader, options.giant):
            missed.append("the giant")
    print(f"missed: {', '.join(missed)}" if missed else "every aim is met")
    return int(bool(missed))


def main() -> int:
    """Read the options, make a store where none is named, and measure it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=Path)
    parser.add_argument("--transfers", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where to make the store that is not named")
    parser.add_argument("--subjects", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--giant", type=int, default=0, help="addresses of the giant entity; 0: none")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--exchange", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--only", default="", help="only blocks whose name holds this text")
    options = parser.parse_args()
    if options.store is not None:
        return run(options.store, options)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        store = Path(folder) / "store"
        prepare_store(Settings(store=store), transfers=options.transfers, preset="default", seed=7)
        return run(store, options)


if __name__ == "__main__":
    raise SystemExit(main())
