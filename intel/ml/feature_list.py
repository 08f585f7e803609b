"""Which figures describe an address, in what unit, and what does each say in words?

Each is counted from what stands in the ledger before the cut-off and from nothing later: no heights, no dates, no
bytes of an address, no label.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: `sql` over the tables that `intel.ml.features` makes; `says` with the value in it, for people."""

    name: str
    unit: str  # addresses, transfers, share, hours, days, bits, usd, ratio, ...
    says: str  # `{}` is the value, written by its unit
    sql: str


def _share(part: str, whole: str) -> str:
    return f"{part} / nullif({whole}, 0)::double"


def _mean(logs: str, count: str, unit: str = "1000.0") -> str:
    return f"{logs} / {unit} / nullif({count}, 0)"


def _spread(logs: str, squares: str, count: str) -> str:
    mean = f"{logs} / 1000.0 / {count}"
    return f"case when {count} > 1 then sqrt(greatest(0, {squares} / 1e6 / {count} - pow({mean}, 2))) end"


def _entropy(parts: str, total: str) -> str:
    return f"case when {total} > 0 then greatest(0, ln({total}) - {parts} / 1000.0 / {total}) / ln(2) end"


def _typical(logs: str, count: str, scale: str) -> str:
    """A geometric mean, back in the unit it came in."""
    return f"(exp(least({logs} / 1000.0 / nullif({count}, 0), 80)) - 1) / {scale}"


_MOVES = "(s.received + s.sent)"
_LIFE = "nullif(s.last_seconds - s.first_seconds, 0)"

FEATURES: tuple[Feature, ...] = (
    # Degrees
    Feature("received", "transfers", "received {}", "s.received"),
    Feature("sent", "transfers", "sent {}", "s.sent"),
    Feature("sent_share", "share", "{} of its transfers are payments out", _share("s.sent", _MOVES)),
    Feature("senders", "addresses", "receives from {} senders", "coalesce(p.senders, 0)"),
    Feature("receivers", "addresses", "pays {} receivers", "coalesce(p.receivers, 0)"),
    Feature("met_once_share", "share", "met {} of its counterparties only once", _share("p.met_once", "p.partners")),
    Feature("mutual_share", "share", "dealt both ways with {} of its counterparties", _share("p.mutual", "p.partners")),
    Feature("top_sender_share", "share", "{} of what it received came from one sender",
        _share("p.most_in", "s.received")),
    Feature("top_receiver_share", "share", "{} of its payments went to one receiver", _share("p.most_out", "s.sent")),
    Feature("sender_entropy", "bits", "its senders vary by {}", _entropy("p.parts_in", "s.received")),
    Feature("receiver_entropy", "bits", "its receivers vary by {}", _entropy("p.parts_out", "s.sent")),
    # Kinds
    Feature("coins_in_share", "share", "{} of what it received was the native coin",
        _share("s.coins_in", "s.received")),
    Feature("coins_out_share", "share", "{} of its payments were in the native coin", _share("s.coins_out", "s.sent")),
    Feature("collectible_share", "share", "{} of its transfers are collectibles", _share("s.collectibles", _MOVES)),
    Feature("reward_share", "share", "{} of its transfers are block rewards or validator payouts",
        _share("s.rewards", _MOVES)),
    Feature("wrap_share", "share", "{} of its transfers wrap or unwrap coins", _share("s.wrapped", _MOVES)),
    Feature("internal_in_share", "share", "{} of what it received was paid by contracts in passing",
        _share("s.internal_in", "s.received")),
    Feature("internal_out_share", "share", "{} of its payments were made by contract code",
        _share("s.internal_out", "s.sent")),
    Feature("zero_in_share", "share", "{} of what it received was worth nothing", _share("s.zeros_in", "s.received")),
    Feature("zero_out_share", "share", "{} of its payments were of no value", _share("s.zeros_out", "s.sent")),
    # Values
    Feature("priced_share", "share", "{} of its transfers have a price",
        _share("(s.priced_in + s.priced_out)", _MOVES)),
    Feature("typical_in_usd", "usd", "typically receives {}", _typical("s.logs_in", "s.priced_in", "100")),
    Feature("typical_out_usd", "usd", "typically pays {}", _typical("s.logs_out", "s.priced_out", "100")),
    Feature("spread_in", "ratio", "amounts received differ by a factor of {}",
        _spread("s.logs_in", "s.squares_in", "s.priced_in")),
    Feature("spread_out", "ratio", "amounts paid differ by a factor of {}",
        _spread("s.logs_out", "s.squares_out", "s.priced_out")),
    Feature("greatest_in_usd", "usd", "received at most {} at once", "s.greatest_in / 1e6"),
    Feature("greatest_out_usd", "usd", "paid at most {} at once", "s.greatest_out / 1e6"),
    Feature("least_in_usd", "usd", "received at least {} each time", "s.least_in / 1e6"),
    Feature("least_out_usd", "usd", "paid at least {} each time", "s.least_out / 1e6"),
    Feature("in_usd", "usd", "received {} in all", "s.usd_in / 1e6"),
    Feature("passed_usd_share", "share", "passed on {} of the value received",
        "least(10, s.usd_out / nullif(s.usd_in, 0)::double)"),
    Feature("round_in_share", "share", "{} of the amounts received are round",
        _share("coalesce(v.round_in, 0)", "v.counted_in")),
    Feature("round_out_share", "share", "{} of the amounts paid are round",
        _share("coalesce(v.round_out, 0)", "v.counted_out")),
    Feature("same_in_share", "share", "{} of what it received was one and the same amount",
        _share("v.same_in", "v.counted_in")),
    Feature("same_out_share", "share", "{} of its payments were one and the same amount",
        _share("v.same_out", "v.counted_out")),
    Feature("amounts_in_share", "share", "{} of the amounts received are distinct",
        _share("v.amounts_in", "v.counted_in")),
    Feature("amounts_out_share", "share", "{} of the amounts paid are distinct",
        _share("v.amounts_out", "v.counted_out")),
    # Assets
    Feature("assets", "assets", "deals in {}", "a.assets"),
    Feature("asset_entropy", "bits", "its assets vary by {}", _entropy("a.parts_assets", _MOVES)),
    Feature("turned_share", "share", "paid out {} of the kinds of asset it received", _share("a.turned", "a.held")),
    Feature("passed_on_share", "share", "passed on {} of what it received, asset by asset",
        _mean("a.passed_on", "a.held")),
    Feature("from_nothing", "assets", "paid out {} that it never received", "a.from_nothing"),
    # Rhythm
    Feature("life_hours", "hours", "was active over {}", "(s.last_seconds - s.first_seconds) / 3600.0"),
    Feature("days", "days", "was active on {}", "r.days"),
    Feature("days_share", "share", "was active on {} of the days of its life",
        "r.days / (1 + (s.last_seconds - s.first_seconds) // 86400)"),
    Feature("moves_per_day", "transfers", "made {} on each day it was active", _share(_MOVES, "r.days")),
    Feature("clock_entropy", "bits", "its hours of the day vary by {}", _entropy("r.parts_clock", _MOVES)),
    Feature("quiet_hours", "hours", "is never active in {} of the day", "24 - r.busy_hours"),
    Feature("weekend_share", "share", "is active at weekends in {} of its transfers", "coalesce(r.weekend_share, 0)"),
    Feature("gap_hours", "hours", "typically waits {} between transfers", _typical("g.gap_logs", "g.gaps", "3600")),
    Feature("gap_spread", "ratio", "its waits differ by a factor of {}",
        _spread("g.gap_logs", "g.gap_squares", "g.gaps")),
    # Flow-through
    Feature("rest_hours", "hours", "money typically rests {} with it", _typical("g.rest_logs", "g.rests", "3600")),
    Feature("rest_hour_share", "share", "pays within an hour of receiving in {} of cases",
        _share("g.rests_hour", "s.sent")),
    Feature("rest_day_share", "share", "pays within a day of receiving in {} of cases",
        _share("g.rests_day", "s.sent")),
    Feature("forward_share", "share", "forwards the very amount received in {} of its payments",
        _share("g.forwards", "s.sent")),
    Feature("idle_end_hours", "hours", "went on for {} after the last receipt",
        "(s.last_seconds - s.last_in_seconds) / 3600.0"),
    Feature("start_hours", "hours", "first paid {} after it appeared",
        "(s.first_out_seconds - s.first_seconds) / 3600.0"),
    # Transactions
    Feature("most_out_at_once", "addresses", "made up to {} payments in one transaction", "b.most_out_at_once"),
    Feature("most_in_at_once", "transfers", "received up to {} payments in one transaction", "b.most_in_at_once"),
    Feature("both_ways_share", "share", "received and paid in the same transaction in {} of cases",
        _share("b.both_ways", "b.bundles")),
    Feature("swap_share", "share", "exchanged one asset for another in {} of its transactions",
        _share("b.swaps", "b.bundles")),
    Feature("own_share", "share", "signed {} of the payments out of it itself", _share("o.own", "o.sent")),
    Feature("initiators", "addresses", "payments out of it were started by {}", "o.initiators"),
    # What it signs
    Feature("signed", "transactions", "signed {}", "coalesce(i.signed, 0)"),
    Feature("failed_share", "share", "{} of its transactions failed", _share("i.failed", "i.signed")),
    Feature("plain_share", "share", "{} of its transactions are plain payments", _share("i.plain", "i.signed")),
    Feature("created", "contracts", "created {}", "coalesce(i.created, 0)"),
    Feature("methods", "methods", "calls {} by different names", "coalesce(i.methods, 0)"),
    Feature("callees", "addresses", "sends transactions to {}", "coalesce(i.callees, 0)"),
    Feature("rarity", "bits", "the methods it calls are rare by {}", _mean("i.rarity", "i.rated")),
    Feature("does_token_share", "share", "{} of its transactions move or approve tokens",
        _share("i.does_token", "i.signed")),
    Feature("does_swap_share", "share", "{} of its transactions are swaps", _share("i.does_swap", "i.signed")),
    Feature("does_liquidity_share", "share", "{} of its transactions add or remove liquidity",
        _share("i.does_liquidity", "i.signed")),
    Feature("does_lending_share", "share", "{} of its transactions deposit, lend or borrow",
        _share("i.does_lending", "i.signed")),
    Feature("tip", "ratio", "pays {} times the day's usual gas price", _mean("i.tip_logs", "i.tips")),
    Feature("tip_spread", "ratio", "its gas prices differ by a factor of {}",
        _spread("i.tip_logs", "i.tip_squares", "i.tips")),
    Feature("gas_limit", "gas", "allows {}", _share("i.gas_limits", "i.limited")),
    Feature("round_limit_share", "share", "sets a round gas limit in {} of its transactions",
        _share("i.round_limits", "i.limited")),
    Feature("unseen_nonces", "transactions", "signed {} that this store does not show",
        "greatest(0, i.last_nonce + 1 - i.signed)"),
    # What is called on it
    Feature("called", "transactions", "its code was called in {}", "coalesce(c.called, 0)"),
    Feature("callers", "addresses", "its code was called by {}", "coalesce(c.callers, 0)"),
    Feature("called_methods", "methods", "its code offers {} in use", "coalesce(c.methods, 0)"),
    Feature("called_failed_share", "share", "{} of the calls to it failed", _share("c.failed", "c.called")),
    Feature("called_rarity", "bits", "the methods called on it are rare by {}", _mean("c.rarity", "c.called")),
    Feature("called_token_share", "share", "{} of the calls to it move or approve tokens",
        _share("c.does_token", "c.called")),
    Feature("called_swap_share", "share", "{} of the calls to it are swaps", _share("c.does_swap", "c.called")),
    Feature("called_liquidity_share", "share", "{} of the calls to it add or remove liquidity",
        _share("c.does_liquidity", "c.called")),
    Feature("called_lending_share", "share", "{} of the calls to it deposit, lend or borrow",
        _share("c.does_lending", "c.called")),
    Feature("token_transfers", "transfers", "is a token with {}", "coalesce(t.token_transfers, 0)"),
    # Neighbours, as they stood before the cut-off
    Feature("payers_reach", "addresses", "its payers typically pay {}", _typical("n.payers_reach", "n.n_in", "1")),
    Feature("payers_most", "addresses", "its busiest payer pays {}", "n.payers_most"),
    Feature("payees_reach", "addresses", "those it pays typically receive from {}",
        _typical("n.payees_reach", "n.n_out", "1")),
    Feature("payees_most", "addresses", "the busiest it pays receives from {}", "n.payees_most"),
    Feature("payees_least", "addresses", "the least busy it pays receives from {}", "n.payees_least"),
    Feature("payers_fan", "addresses", "its payers typically receive from {}", _typical("n.payers_fan", "n.n_in", "1")),
    Feature("payees_fan", "addresses", "those it pays typically pay {}", _typical("n.payees_fan", "n.n_out", "1")),
    Feature("payers_days", "days", "its payers were typically active on {}", _typical("n.payers_days", "n.n_in", "1")),
    Feature("payees_days", "days", "those it pays were typically active on {}",
        _typical("n.payees_days", "n.n_out", "1")),
    Feature("payers_in_share", "share", "{} of its payers' transfers are receipts",
        _mean("n.payers_in_share", "n.n_in")),
    Feature("payees_in_share", "share", "{} of the transfers of those it pays are receipts",
        _mean("n.payees_in_share", "n.n_out")),
    Feature("payers_same", "share", "its payers pay one amount in {} of cases", _mean("n.payers_same", "n.n_in")),
    Feature("payees_same", "share", "those it pays pay one amount in {} of cases", _mean("n.payees_same", "n.n_out")),
    Feature("payers_called_share", "share", "{} of its payers are contracts in use",
        _mean("n.payers_called", "n.n_in")),
    Feature("payees_called_share", "share", "{} of those it pays are contracts in use",
        _mean("n.payees_called", "n.n_out")),
    Feature("funder_reach", "addresses", "whoever paid it first was the first payer of {}", "f.first_funded"),
    Feature("funder_receivers", "addresses", "whoever paid it first pays {}", "f.receivers"),
    Feature("funder_same", "share", "whoever paid it first pays one amount in {} of cases", "f.same_share / 1000.0"),
    Feature("collector_reach", "addresses", "whom it paid last was the last receiver of {}", "l.last_paid"),
)  # fmt: skip
