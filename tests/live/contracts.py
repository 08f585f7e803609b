"""Which contracts does the story deploy: from which packages, and compiled from which sources of ours?"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.parts import parts_folder

_SOURCES = Path(__file__).parent / "contracts"
_SAFE = "@safe-global/safe-contracts/build/artifacts/contracts"
_SHIPPED = {
    "WETH9": "canonical-weth/build/contracts/WETH9.json",
    "UniswapV2Factory": "@uniswap/v2-core/build/UniswapV2Factory.json",
    "UniswapV2Pair": "@uniswap/v2-core/build/UniswapV2Pair.json",
    "UniswapV2Router02": "@uniswap/v2-periphery/build/UniswapV2Router02.json",
    "Safe": f"{_SAFE}/Safe.sol/Safe.json",
    "SafeProxyFactory": f"{_SAFE}/proxies/SafeProxyFactory.sol/SafeProxyFactory.json",
}
_COMPILE = """
const fs = require('fs'), solc = require('solc');
const find = name => ({contents: fs.readFileSync(require.resolve(name), 'utf8')});
const input = fs.readFileSync(0, 'utf8');
fs.writeSync(1, solc.compile(input, {import: find}));
"""


@dataclass(frozen=True)
class Contract:
    abi: list[dict[str, Any]]
    bytecode: str
    runtime: str = ""  # what stands at its address once it is made, where the package ships it


def packages() -> Path:
    return parts_folder() / "node" / "node_modules"


@cache
def load_contract(name: str) -> Contract:
    """Return a contract of a package by the bytecode it ships, or one of ours, compiled."""
    if name not in _SHIPPED:
        return compile_sources()[name]
    built = json.loads((packages() / _SHIPPED[name]).read_text(encoding="utf-8"))
    code = [str(built.get(key, "")).removeprefix("0x") for key in ("bytecode", "deployedBytecode")]
    return Contract(built["abi"], f"0x{code[0]}", f"0x{code[1]}")


@cache
def compile_sources() -> dict[str, Contract]:
    """Compile our sources by solc from npm; the answer is kept beside the packages, by what went in."""
    sources = {path.name: {"content": path.read_text(encoding="utf-8")} for path in sorted(_SOURCES.glob("*.sol"))}
    task = {
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "optimizer": {"enabled": True},
            "evmVersion": "cancun",
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    text = json.dumps(task, sort_keys=True)
    versions = (parts_folder() / "node" / "package-lock.json").read_bytes()
    kept = parts_folder() / "compiled" / f"{hashlib.sha256(text.encode() + versions).hexdigest()[:16]}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        run = subprocess.run(
            ["node", "-e", _COMPILE], input=text, capture_output=True, text=True, timeout=120, cwd=packages().parent
        )
        assert run.returncode == 0, run.stderr
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(run.stdout, encoding="utf-8")
        part.replace(kept)
    answer = json.loads(kept.read_text(encoding="utf-8"))
    errors = [note["formattedMessage"] for note in answer.get("errors", []) if note["severity"] == "error"]
    assert not errors, "\n".join(errors)
    return {
        name: Contract(made["abi"], f"0x{made['evm']['bytecode']['object']}")
        for file in sources
        for name, made in answer["contracts"][file].items()
    }
