// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "../interfaces/IERC1271.sol";

/// @notice An ERC-1271 wallet of one owner that can be told to misbehave. For tests only.
contract MockWallet is IERC1271 {
    enum Behaviour {
        Honest,
        AnswersWrongWord,
        AnswersShort,
        AnswersHuge,
        Reverts,
        BurnsGas,
        AgreesToAll
    }

    address public immutable owner;
    Behaviour public behaviour;

    constructor(address owner_, Behaviour behaviour_) {
        owner = owner_;
        behaviour = behaviour_;
    }

    /// @notice Lets the wallet do anything.
    function execute(address target, bytes calldata data) external returns (bytes memory result) {
        bool done;
        (done, result) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        bytes4 yes = IERC1271.isValidSignature.selector;
        if (behaviour == Behaviour.AgreesToAll) return yes;
        if (behaviour == Behaviour.AnswersWrongWord) return 0xffffffff;
        if (behaviour == Behaviour.AnswersShort) {
            assembly ("memory-safe") {
                mstore(0x00, yes)
                return(0x00, 0x04)
            }
        }
        if (behaviour == Behaviour.AnswersHuge) {
            assembly {
                mstore(0x00, 0xffffffff)
                return(0x00, 0x8000)
            }
        }
        if (behaviour == Behaviour.Reverts) revert();
        if (behaviour == Behaviour.BurnsGas) {
            while (true) {}
        }
        // 65 bytes: r, s, v.
        bytes32 r = bytes32(signature[:32]);
        bytes32 s = bytes32(signature[32:64]);
        return ecrecover(hash, uint8(signature[64]), r, s) == owner ? yes : bytes4(0);
    }
}
