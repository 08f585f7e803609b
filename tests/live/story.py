"""What happens in the story: an exchange and its customers, and every way in which value moves on such a chain?"""

from __future__ import annotations

from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from tests.live.nodes import WETH, Node
from tests.live.stage import Stage, spread

ETHER = 10**18
USD = 10**6
NOBODY = "0x" + "00" * 20
CUSTOMERS = ("alice", "bob", "carol", "dave", "erin", "frank")


@dataclass(frozen=True)
class Story:
    """What a test needs to know of what happened; every name stands for an address in lower case."""

    addresses: dict[str, str]
    coins: tuple[str, ...]  # names of the fungible tokens whose balances follow from their logs
    rebasing: str  # the name of the one whose balances do not
    last_block: int
    deposits: tuple[str, ...] = ("deposit_alice", "deposit_bob", "deposit_dave")  # ordinary accounts
    forwarders: tuple[str, ...] = ("forwarder_carol", "forwarder_erin", "forwarder_frank")


def play(node: Node) -> Story:
    """Let the whole story happen on a node that is fresh."""
    stage = Stage(node)
    stage.introduce("WETH", "WETH9", WETH)
    _open_market(stage)
    _open_exchange(stage)
    for _day in range(3):
        stage.wait(24)
        _deposit(stage)
        _withdraw(stage)
    _wrap(stage)
    _swap(stage)
    _pay_from_safe(stage)
    _drop(stage)
    _collect(stage)
    _move_odd_tokens(stage)
    _end_contracts(stage)
    _fail(stage)
    _use_other_forms(stage)
    coins = ("USDX", "WETH", "PAIR", "TOLL", "OLD", "BARE", "PRX")
    return Story(stage.addresses, coins, "YST", stage.web3.eth.block_number)


def _open_market(stage: Stage) -> None:
    for name, ether in (("issuer", 5_000), ("hot", 500), ("supplier", 20), ("operator", 20)):
        stage.pay("faucet", name, ether * ETHER)
    for number, name in enumerate(CUSTOMERS):
        stage.pay("faucet", name, (40 + number) * ETHER)
    stage.deploy("issuer", "Coin", "US Dollar X", "USDX", 6, 10**9 * USD, name="USDX")
    for number, name in enumerate((*CUSTOMERS, "hot")):
        stage.call("issuer", "USDX", "transfer", *stage.checksum(name), (50_000 + 7 * number) * USD + number)


def _open_exchange(stage: Stage) -> None:
    """Three customers get accounts as deposit addresses, three get contracts; one is paid before it is made."""
    stage.deploy("operator", "ForwarderFactory")
    for number, name in enumerate(("forwarder_carol", "forwarder_erin", "forwarder_frank")):
        salt, hot = bytes([number + 1]) * 32, stage.checksum("hot")[0]
        stage.introduce(name, "Forwarder", stage.ask("ForwarderFactory", "addressOf", hot, salt))
        if name == "forwarder_frank":
            stage.pay("frank", name, 3 * ETHER // 2)
        stage.call("operator", "ForwarderFactory", "create", hot, salt)


def _deposit(stage: Stage) -> None:
    for number, name in enumerate(("alice", "dave")):
        deposit = f"deposit_{name}"
        stage.call(name, "USDX", "transfer", *stage.checksum(deposit), (700 + 13 * number) * USD + 5)
        stage.pay("supplier", deposit, ETHER // 100)
        stage.wait(0.5)
        held = stage.ask("USDX", "balanceOf", *stage.checksum(deposit))
        stage.call(deposit, "USDX", "transfer", *stage.checksum("hot"), held, gas=100_000)
    stage.pay("bob", "deposit_bob", 2 * ETHER + 3)
    stage.empty("deposit_bob", "hot")
    stage.pay("carol", "forwarder_carol", ETHER)
    stage.call("erin", "USDX", "transfer", *stage.checksum("forwarder_erin"), 333 * USD)
    stage.call("operator", "forwarder_erin", "flushTokens", *stage.checksum("USDX"))
    stage.pay("frank", "forwarder_frank", ETHER // 3)


def _withdraw(stage: Stage) -> None:
    stage.pay("hot", "alice_new", ETHER // 5)
    stage.call("hot", "USDX", "transfer", *stage.checksum("bob"), 120 * USD)
    stage.pay("hot", "cold", 3 * ETHER)
    stage.call("hot", "USDX", "transfer", *stage.checksum("cold"), 400 * USD)
    stage.pay("cold", "hot", ETHER)


def _wrap(stage: Stage) -> None:
    stage.call("alice", "WETH", "deposit", value=3 * ETHER)
    stage.pay("bob", "WETH", 2 * ETHER)  # sending coins to it wraps them, too
    stage.call("alice", "WETH", "transfer", *stage.checksum("carol"), ETHER)
    stage.call("carol", "WETH", "withdraw", ETHER // 2)


def _swap(stage: Stage) -> None:
    stage.deploy("issuer", "UniswapV2Factory", *stage.checksum("issuer"))
    stage.deploy("issuer", "UniswapV2Router02", *stage.checksum("UniswapV2Factory", "WETH"))
    usdx, weth, issuer = stage.checksum("USDX", "WETH", "issuer")
    stage.call("issuer", "USDX", "approve", *stage.checksum("UniswapV2Router02"), 10**30)
    late = 2**40
    pool = (usdx, 2_000_000 * USD, 0, 0, issuer, late)
    stage.call("issuer", "UniswapV2Router02", "addLiquidityETH", *pool, value=1_000 * ETHER, gas=5_000_000)
    stage.introduce("PAIR", "UniswapV2Pair", stage.ask("UniswapV2Factory", "getPair", usdx, weth))
    alice, bob = stage.checksum("alice", "bob")
    stage.call("alice", "UniswapV2Router02", "swapExactETHForTokens", 0, [weth, usdx], alice, late, value=ETHER)
    stage.call("bob", "USDX", "approve", *stage.checksum("UniswapV2Router02"), 10**30)
    stage.call("bob", "UniswapV2Router02", "swapExactTokensForETH", 900 * USD, 0, [usdx, weth], bob, late)
    stage.call("issuer", "PAIR", "approve", *stage.checksum("UniswapV2Router02"), 10**30)
    stage.call("issuer", "UniswapV2Router02", "removeLiquidityETH", usdx, 10**12, 0, 0, issuer, late)


def _pay_from_safe(stage: Stage) -> None:
    """An owner executes what the Safe pays; that he sends it himself is his signature."""
    stage.deploy("operator", "Safe", name="SafeCode")
    stage.deploy("operator", "SafeProxyFactory")
    owner, code = stage.checksum("erin", "SafeCode")
    setup = stage.encode("SafeCode", "setup", [owner], 1, NOBODY, b"", NOBODY, NOBODY, 0, NOBODY)
    made = stage.call("erin", "SafeProxyFactory", "createProxyWithNonce", code, bytes.fromhex(setup[2:]), 7)
    [created] = [log for log in made["logs"] if log["address"].lower() == stage.addresses["SafeProxyFactory"]]
    stage.introduce("safe", "Safe", f"0x{created['topics'][1].hex()[-40:]}")
    stage.pay("erin", "safe", 4 * ETHER)
    stage.call("erin", "USDX", "transfer", *stage.checksum("safe"), 1_000 * USD)
    signature = bytes(12) + bytes.fromhex(owner[2:]) + bytes(32) + b"\x01"
    to_frank = bytes.fromhex(stage.encode("USDX", "transfer", *stage.checksum("frank"), 250 * USD)[2:])
    for target, value, data in (("dave", ETHER, b""), ("USDX", 0, to_frank)):
        paid = (*stage.checksum(target), value, data, 0, 0, 0, 0, NOBODY, NOBODY, signature)
        stage.call("erin", "safe", "execTransaction", *paid)


def _drop(stage: Stage) -> None:
    stage.deploy("issuer", "Disperser")
    lucky = [f"lucky_{number}" for number in range(8)]
    stage.call("issuer", "Disperser", "coins", stage.checksum(*lucky), spread(ETHER, 8), value=ETHER)
    stage.call("issuer", "USDX", "approve", *stage.checksum("Disperser"), 10**30)
    amounts = spread(1_000 * USD, 8)
    stage.call("issuer", "Disperser", "tokens", *stage.checksum("USDX"), stage.checksum(*lucky), amounts)


def _collect(stage: Stage) -> None:
    stage.deploy("issuer", "Art")
    alice, bob, carol = stage.checksum("alice", "bob", "carol")
    for number in (1, 2, 3):
        stage.call("issuer", "Art", "mint", alice, number)
    stage.call("alice", "Art", "transferFrom", alice, bob, 2)
    stage.call("alice", "Art", "burn", 3)
    stage.deploy("issuer", "Items")
    stage.call("issuer", "Items", "mint", alice, 10**30, 5)
    stage.call("issuer", "Items", "mintBatch", alice, [1, 2, 3], [100, 200, 300])
    stage.call("alice", "Items", "safeTransferFrom", alice, bob, 1, 30, b"")
    stage.call("alice", "Items", "safeBatchTransferFrom", alice, carol, [2, 3, 2], [20, 30, 5], b"")


def _move_odd_tokens(stage: Stage) -> None:
    alice, bob, carol = stage.checksum("alice", "bob", "carol")
    stage.deploy("issuer", "FeeToken", *stage.checksum("collector"), 10**15, name="TOLL")
    stage.deploy("issuer", "Bytes32Token", 10**24, name="OLD")
    stage.deploy("issuer", "UnindexedToken", 10**24, name="BARE")
    stage.deploy("issuer", "RebasingToken", 10**24, name="YST")
    stage.deploy("issuer", "ProxiedCoin", name="ProxiedCode")
    stage.deploy("issuer", "ProxyToken", *stage.checksum("ProxiedCode"), name="PRX")
    stage.introduce("PRX", "ProxiedCoin", stage.addresses["PRX"])
    stage.call("issuer", "PRX", "mint", *stage.checksum("issuer"), 10**24)
    for token in ("TOLL", "OLD", "BARE", "YST", "PRX"):
        stage.call("issuer", token, "transfer", alice, 10**12)
        stage.call("alice", token, "transfer", bob, 10**11 + 7)
    stage.call("issuer", "YST", "rebase", 150)
    stage.call("bob", "YST", "transfer", carol, 10**9)
    stage.deploy("issuer", "Wordless")
    stage.call("alice", "Wordless", "wave", bob)


def _end_contracts(stage: Stage) -> None:
    stage.deploy("dave", "Doomed", value=2 * ETHER)
    stage.pay("dave", "Doomed", ETHER)
    stage.call("dave", "Doomed", "end", *stage.checksum("heir"))
    stage.deploy("dave", "Mayfly")
    lived = stage.call("dave", "Mayfly", "live", *stage.checksum("heir"), value=ETHER // 4)
    stage.introduce("mayfly", "Doomed", f"0x{lived['logs'][0]['data'].hex()[-40:]}")


def _fail(stage: Stage) -> None:
    """Failed transactions pay their fee; failed calls inside one that succeeds pay nothing."""
    usdx, heir, other = stage.checksum("USDX", "heir", "other")
    stage.deploy("dave", "Clumsy", value=ETHER)
    stage.call("dave", "USDX", "transfer", *stage.checksum("Clumsy"), 10)
    stage.call("dave", "Clumsy", "tryToPay", heir, usdx, other, value=ETHER // 2)
    stage.call("dave", "Clumsy", "payAndRevert", heir, ETHER // 10, usdx, 3, fails=True)
    stage.deploy("dave", "Refuser")
    stage.call("dave", "Refuser", "pay", usdx, value=ETHER // 9, fails=True)
    stage.call("dave", "Refuser", "pay", heir, value=ETHER // 7, gas=30_000, fails=True)  # runs out of gas
    borrowed = bytes.fromhex(stage.encode("Disperser", "coins", [heir, other], [5, 6])[2:])
    stage.call("dave", "Clumsy", "borrow", *stage.checksum("Disperser"), borrowed, value=11)


def _use_other_forms(stage: Stage) -> None:
    stage.pay("alice", "alice", 5)
    stage.pay("alice", "bob", 0)
    stage.pay("alice", "bob", 17, gasPrice=12 * 10**9)
    listed = [{"address": to_checksum_address(WETH), "storageKeys": []}]
    stage.pay("alice", "carol", 19, accessList=listed, gasPrice=12 * 10**9)
    # An account that acts by the code of a contract, at another's cost.
    heir, other = stage.checksum("heir", "other")
    pass_on = stage.encode("Disperser", "coins", [heir, other], [ETHER // 8, 7])
    allowed = [stage.authorize("frank_smart", "Disperser", nonce=0)]
    stage.send("operator", stage.find("frank_smart"), ETHER // 4, pass_on, authorizationList=allowed)
