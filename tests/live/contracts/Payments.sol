// SPDX-License-Identifier: Apache-2.0
// Contracts that pass coins on, and those that fail while they do.
pragma solidity ^0.8.24;

interface IToken {
    function balanceOf(address owner) external view returns (uint256);
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

// A customer's deposit address: what it gets belongs to its parent.
contract Forwarder {
    address payable public immutable parent;

    constructor(address payable parent_) payable {
        parent = parent_;
        if (address(this).balance > 0) flush();
    }

    receive() external payable {
        flush();
    }

    function flush() public {
        (bool sent, ) = parent.call{value: address(this).balance}("");
        require(sent, "not forwarded");
    }

    function flushTokens(IToken token) external {
        require(token.transfer(parent, token.balanceOf(address(this))), "not forwarded");
    }
}

contract ForwarderFactory {
    event ForwarderCreated(address newForwarderAddress, address parentAddress);

    function create(address payable parent, bytes32 salt) external returns (Forwarder made) {
        made = new Forwarder{salt: salt}(parent);
        emit ForwarderCreated(address(made), parent);
    }

    function addressOf(address parent, bytes32 salt) external view returns (address) {
        bytes32 code = keccak256(abi.encodePacked(type(Forwarder).creationCode, abi.encode(parent)));
        return address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, code)))));
    }
}

contract Disperser {
    function coins(address payable[] calldata to, uint256[] calldata values) external payable {
        for (uint256 i = 0; i < to.length; i++) {
            (bool sent, ) = to[i].call{value: values[i]}("");
            require(sent, "not sent");
        }
    }

    function tokens(IToken token, address[] calldata to, uint256[] calldata values) external {
        for (uint256 i = 0; i < to.length; i++) token.transferFrom(msg.sender, to[i], values[i]);
    }
}

contract Doomed {
    constructor() payable {}

    receive() external payable {}

    function end(address payable heir) external {
        selfdestruct(heir);
    }
}

// Lives for one transaction: made, paid and gone within it.
contract Mayfly {
    event Born(address mayfly);

    function live(address payable heir) external payable {
        Doomed doomed = new Doomed{value: msg.value}();
        emit Born(address(doomed));
        doomed.end(heir);
    }
}

// Tries payments that fail, and goes on or fails as a whole.
contract Clumsy {
    constructor() payable {}

    receive() external payable {}

    // Pays, then takes it all back.
    function payAndRevert(address payable to, uint256 value, IToken token, uint256 amount) public {
        (bool sent, ) = to.call{value: value}("");
        require(sent, "not sent");
        if (amount > 0) token.transfer(to, amount);
        revert("changed my mind");
    }

    // An inner call pays and reverts, the transaction succeeds and pays somebody else.
    function tryToPay(address payable to, IToken token, address payable other) external payable {
        try this.payAndRevert(to, msg.value / 2, token, 1) {} catch {}
        (bool sent, ) = other.call{value: msg.value / 4}("");
        require(sent, "not sent");
    }

    // Coins for code that runs here in another's name: a delegatecall shows a value and moves none.
    function borrow(address code, bytes calldata data) external payable {
        (bool done, ) = code.delegatecall(data);
        require(done, "borrowed code failed");
    }
}

contract Refuser {
    function pay(address payable to) external payable {
        (bool sent, ) = to.call{value: msg.value}("");
        require(sent, "refused");
    }
}
