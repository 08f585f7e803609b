// SPDX-License-Identifier: Apache-2.0
// Contracts that say what well-known ones say, put where those stand.
pragma solidity ^0.8.24;

// Logs whatever it is told to.
contract Speaker {
    function say(bytes32[] calldata topics, bytes calldata data) external {
        bytes memory words = data;
        bytes32 a = topics[0];
        bytes32 b = topics.length > 1 ? topics[1] : bytes32(0);
        bytes32 c = topics.length > 2 ? topics[2] : bytes32(0);
        bytes32 d = topics.length > 3 ? topics[3] : bytes32(0);
        uint256 count = topics.length;
        assembly {
            let start := add(words, 32)
            let size := mload(words)
            switch count
            case 1 { log1(start, size, a) }
            case 2 { log2(start, size, a, b) }
            case 3 { log3(start, size, a, b, c) }
            default { log4(start, size, a, b, c, d) }
        }
    }
}

// Carries out operations of accounts as the entry point of ERC-4337 does: by a call of itself for each.
contract Bundling {
    event BeforeExecution();
    event UserOperationEvent(
        bytes32 indexed userOpHash, address indexed sender, address indexed paymaster, uint256 nonce, bool success,
        uint256 actualGasCost, uint256 actualGasUsed
    );

    receive() external payable {}

    function handle(Account[] calldata accounts, bytes[] calldata calls, address payable beneficiary) external {
        emit BeforeExecution();
        for (uint256 i = 0; i < accounts.length; i++) this.inner(accounts[i], calls[i], i);
        (bool paid, ) = beneficiary.call{value: 7}("");
        require(paid, "not paid");
    }

    function inner(Account account, bytes calldata done, uint256 number) external {
        require(msg.sender == address(this), "not mine");
        (bool success, ) = address(account).call(done);
        emit UserOperationEvent(bytes32(number), address(account), address(0), number, success, 1, 1);
    }
}

contract Account {
    event SimpleAccountInitialized(address indexed entryPoint, address indexed owner);

    address public immutable point;

    constructor(address point_, address owner) payable {
        point = point_;
        emit SimpleAccountInitialized(point_, owner);
    }

    function pay(address payable to, uint256 value) external {
        require(msg.sender == point, "not by me");
        (bool sent, ) = to.call{value: value}("");
        require(sent, "not sent");
    }
}

// Logs the hash of an execution that another Safe's owners signed.
contract FalseSafe {
    event ExecutionSuccess(bytes32 indexed txHash, uint256 payment);

    bytes32 private immutable told;

    constructor(bytes32 told_) {
        told = told_;
    }

    fallback() external payable {
        emit ExecutionSuccess(told, 0);
    }
}
