// SPDX-License-Identifier: Apache-2.0
// Tokens that break one habit each.
pragma solidity ^0.8.24;

abstract contract Ledger {
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function _move(address from, address to, uint256 value) internal {
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}

// Keeps a fiftieth of each transfer; both parts are logged, as is usual.
contract FeeToken is Ledger {
    string public constant name = "Toll";
    string public constant symbol = "TOLL";
    uint8 public constant decimals = 9;
    address public immutable collector;

    constructor(address collector_, uint256 supply) {
        collector = collector_;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 fee = value / 50;
        _move(msg.sender, collector, fee);
        _move(msg.sender, to, value - fee);
        emit Transfer(msg.sender, collector, fee);
        emit Transfer(msg.sender, to, value - fee);
        return true;
    }
}

// Balances grow by themselves: what the logs tell is not what the holders have.
contract RebasingToken {
    string public constant name = "Yeast";
    string public constant symbol = "YST";
    uint8 public constant decimals = 18;
    uint256 public percent = 100;
    mapping(address => uint256) private _shares;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor(uint256 supply) {
        _shares[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function balanceOf(address owner) public view returns (uint256) {
        return (_shares[owner] * percent) / 100;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 shares = (value * 100) / percent;
        _shares[msg.sender] -= shares;
        _shares[to] += shares;
        emit Transfer(msg.sender, to, value);
        return true;
    }

    function rebase(uint256 newPercent) external {
        percent = newPercent;
    }
}

// Names itself in 32 bytes, as tokens of 2016 and 2017 do, and returns nothing from transfer.
contract Bytes32Token is Ledger {
    bytes32 public constant name = "Old Coin";
    bytes32 public constant symbol = "OLD";
    uint256 public constant decimals = 18;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
        emit Transfer(msg.sender, to, value);
    }
}

// Logs its transfers without indexed arguments, and has neither name nor symbol.
contract UnindexedToken {
    uint8 public constant decimals = 8;
    mapping(address => uint256) public balanceOf;

    event Transfer(address from, address to, uint256 value);

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

// Logs something that is called Transfer and carries no amount: no transfer can be read from it.
contract Wordless {
    event Transfer(address indexed from, address indexed to, uint256 value);

    function wave(address to) external {
        bytes32 topic = Transfer.selector;
        assembly {
            log3(0, 0, topic, caller(), to)
        }
    }
}
