// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "../interfaces/IDvP.sol";
import {IDvPNet} from "../interfaces/IDvPNet.sol";

/// @notice What DvP keeps of a cycle, by its whole id; one storage slot, from the low end:
///
///   0        8                             256
///   | status | first 31 bytes of net's hash |
///
/// The contract computes the net positions itself when it locks: 248 bits leave nobody two that match.
type CycleRecord is uint256;

using Cycles for CycleRecord global;

/// @title Reading and writing what is kept of a cycle
library Cycles {
    function from(IDvP.Status status_, bytes31 netHash_) internal pure returns (CycleRecord) {
        return CycleRecord.wrap(uint256(bytes32(netHash_)) | uint8(status_));
    }

    function status(CycleRecord record) internal pure returns (IDvP.Status) {
        return IDvP.Status(uint8(CycleRecord.unwrap(record)));
    }

    function netHash(CycleRecord record) internal pure returns (bytes31) {
        return bytes31(bytes32(CycleRecord.unwrap(record)));
    }

    function hashOf(IDvPNet.Net calldata net) internal pure returns (bytes31) {
        return bytes31(keccak256(abi.encode(net)));
    }
}
