"""How does one ask a node for a chain by command?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from typer import Exit

from intel import cli_options as o
from intel.cli_app import settle, show, show_json
from intel.cli_data import ingest
from intel.errors import UsageError
from intel.talk import Talk


def parse_blocks(text: str | None) -> tuple[int | None, int | None]:
    """Read A:B, A: or :B into first and last block, both included; raises UsageError."""
    if text is None:
        return None, None
    first, colon, last = text.replace("_", "").partition(":")
    if not colon or any(part and not part.isdigit() for part in (first, last)):
        raise UsageError(f"{text!r} is no range of blocks", "write FIRST:LAST, both included, such as 100:200 or 100:")
    return int(first) if first else None, int(last) if last else None


@ingest.command("rpc")
def ingest_rpc(
    url: o.Url, blocks: o.Blocks = None, follow: o.Follow = False, dry_run: o.DryRun = False, chain: o.NodeChain = None,
    wrapped: o.Wrapped = None, batch: o.Batch = 20, workers: o.Workers = 4, progress: o.Progress = "plain",
    json: o.Json = False, store: o.Store = None,
) -> None:  # fmt: skip
    """Take blocks from an Ethereum JSON-RPC node into the lake: all that moves value, and what contracts log."""
    from intel import following
    from intel.render import render_report

    settings, wanted = settle(store), parse_blocks(blocks)
    options = following.RpcOptions(chain=chain, wrapped=tuple(wrapped or ()), batch=batch, workers=workers)
    if dry_run:
        plan = following.plan_rpc(settings, url, wanted, options)
        document = {
            "chain": plan.chain, "source": plan.source, "blocks": plan.blocks, "missing": plan.missing,
            "requests": plan.requests, "kinds": plan.kinds, "lacks": plan.lacks,
        }  # fmt: skip
        show_json(document) if json else show(_describe(document))
        return
    talk = Talk(progress)
    with talk.bar("blocks") as bar:

        def tell(state: following.Progress) -> None:
            bar(state.done, state.total, rate=state.rate, left=state.seconds_left, node_seconds=state.node_seconds)

        if follow:
            report = following.follow_rpc(settings, url, wanted, options, tell=tell, say=talk.say)
        else:
            report = following.ingest_rpc(settings, url, wanted, options, tell=tell)
    show(render_report(report))


def verify_coverage(url: str, addresses: Path | None, *, json: bool, store: Path | None) -> None:
    """Print how balances of the lake compare with those of a node; exit with 1 where they differ."""
    from intel import verification

    found = verification.verify_coverage(settle(store), url, addresses=addresses)
    wrong = [{**asdict(one), "difference": one.difference} for one in found.disagreements]
    if json:
        show_json({**asdict(found), "disagreements": [{k: _exact(v) for k, v in row.items()} for row in wrong]})
    else:
        blocks = f"blocks {found.first_block:,} to {found.last_block:,} of {found.chain}"
        lines = [f"{found.compared:,} balances over {blocks} compared, {len(wrong):,} differ"]
        lines += [f"{found.untold:,} were not told by the node"] if found.untold else []
        lines += [
            f"{row['address']}  {row['token'] or 'native coin'}  node {row['node']}  ours {row['ours']}  "
            f"difference {row['difference']}"
            for row in wrong
        ]
        show("\n".join(lines))
    if wrong:
        raise Exit(1)


def _exact(value: object) -> object:
    """Amounts are text: JSON readers round large numbers."""
    return str(value) if isinstance(value, int) else value


def _describe(plan: dict[str, object]) -> str:
    missing, requests, lacks = plan["missing"], plan["requests"], plan["lacks"]
    assert isinstance(missing, tuple)
    assert isinstance(requests, dict)
    assert isinstance(lacks, tuple)
    ranges = ", ".join(f"{first}:{last}" for first, last in missing[:10]) + (", ..." if len(missing) > 10 else "")
    lines = [
        f"chain {plan['chain']}, source {plan['source']!r}",
        f"{plan['blocks']:,} blocks to take: {ranges or 'none'}",
    ]
    lines += [f"  {count:>12,} {method}" for method, count in requests.items()]
    return "\n".join([*lines, *(f"the node has {text}" for text in lacks)])
