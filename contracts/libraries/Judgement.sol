// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "../interfaces/IParticipantRegistry.sol";
import {Position} from "./Positions.sol";
import {Rules} from "./Rules.sol";

/// @title What a token asks the registry on each movement
library Judgement {
    /// @notice {IParticipantRegistry-judgePair}; ends in the registry's own error if it refuses.
    /// @dev An answer other than `true`, and none at all, is a refusal.
    function judge(IParticipantRegistry registry, address first, address second, Rules rules) internal view {
        bytes4 selector = IParticipantRegistry.judgePair.selector;
        uint256 firstWord = uint160(first);
        uint256 secondWord = uint160(second);
        // Solidity's own encoding, allocation and decoding of this call cost 250 gas more, on every movement.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            // Written beyond the end of allocated memory, and read before anything else is.
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 0x04), firstWord)
            mstore(add(free, 0x24), secondWord)
            mstore(add(free, 0x44), rules)
            // Word 0x00 is scratch space; an answer shorter than a word leaves zero in it.
            mstore(0x00, 0)
            let answered := staticcall(gas(), registry, free, 0x64, 0x00, 0x20)
            if iszero(and(answered, eq(mload(0x00), 1))) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }

    /// @notice {IParticipantRegistry-judgePositions}, with refusals as in {judge}.
    function judgeAll(IParticipantRegistry registry, Position[] calldata positions, Rules rules) internal view {
        bytes4 selector = IParticipantRegistry.judgePositions.selector;
        // The positions are handed on as they lie in calldata, in one call.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            let free := mload(0x40)
            let length := shl(5, positions.length)
            mstore(free, selector)
            mstore(add(free, 0x04), 0x40)
            mstore(add(free, 0x24), rules)
            mstore(add(free, 0x44), positions.length)
            calldatacopy(add(free, 0x64), positions.offset, length)
            // Word 0x00 is scratch space; an answer shorter than a word leaves zero in it.
            mstore(0x00, 0)
            let answered := staticcall(gas(), registry, free, add(length, 0x64), 0x00, 0x20)
            if iszero(and(answered, eq(mload(0x00), 1))) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }
}
