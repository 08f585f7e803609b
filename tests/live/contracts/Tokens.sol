// SPDX-License-Identifier: Apache-2.0
// Plain tokens as most chains hold them: the standard contracts, minted once or at will.
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

contract Coin is ERC20 {
    uint8 private immutable _places;

    constructor(string memory name, string memory symbol, uint8 places, uint256 supply) ERC20(name, symbol) {
        _places = places;
        _mint(msg.sender, supply);
    }

    function decimals() public view override returns (uint8) {
        return _places;
    }
}

contract Art is ERC721("Squares", "SQ") {
    function mint(address to, uint256 id) external {
        _mint(to, id);
    }

    function burn(uint256 id) external {
        _burn(id);
    }
}

contract Items is ERC1155("") {
    function mint(address to, uint256 id, uint256 amount) external {
        _mint(to, id, amount, "");
    }

    function mintBatch(address to, uint256[] memory ids, uint256[] memory amounts) external {
        _mintBatch(to, ids, amounts, "");
    }
}

// The code of a token whose name and balances live in the proxies in front of it.
contract ProxiedCoin is ERC20("", "") {
    function name() public pure override returns (string memory) {
        return "Proxied Coin";
    }

    function symbol() public pure override returns (string memory) {
        return "PRX";
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

contract ProxyToken is ERC1967Proxy {
    constructor(address implementation) ERC1967Proxy(implementation, "") {}

    // Else the compiler warns; coins sent without data are for the implementation, too.
    receive() external payable {
        _fallback();
    }

    // An ERC1967Proxy without an initialiser refuses to be made unless it is told so.
    function _unsafeAllowUninitialized() internal pure override returns (bool) {
        return true;
    }
}
