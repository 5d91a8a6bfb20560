// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "../interfaces/IDvP.sol";

/// @notice Two neighbouring nonces of one seller, the even one low; one storage slot:
///
///   0        8                 128      136               256
///   | status | id prefix 120 b | status | id prefix 120 b |
///   |-- nonce 2k --------------|-- nonce 2k + 1 ----------|
///
/// The prefix stands for the id wherever no proof does: the long stop presents an order again, and nothing but
/// the prefix says that it is the locked one. Two orders with one prefix take about 2^60 hashes to find, a second
/// order for a given lock 2^120. Shorter prefixes would let more lanes share a new slot, 17,100 gas dearer than
/// one in use; of 56 bits, two orders are found in minutes.
type LanePair is uint256;

using Lanes for LanePair global;

/// @title Reading and writing one lane without touching the other
library Lanes {
    /// @notice From here on nonces are those of parts, and no order's own.
    uint64 internal constant FIRST_OF_PARTS = 1 << 63;

    uint256 private constant LANE_MASK = type(uint128).max;
    uint64 private constant PART_BITS = 24;
    uint64 private constant DIVISIBLE_NONCES = FIRST_OF_PARTS >> PART_BITS;

    /// @notice Which slot holds `nonce` of `seller`: the address, then the nonce without its last bit.
    function keyOf(address seller, uint64 nonce) internal pure returns (uint256) {
        return (uint256(uint160(seller)) << 64) | (nonce >> 1);
    }

    /// @notice Whether an order with this nonce can have this part.
    function isDivisible(uint64 nonce, uint32 part) internal pure returns (bool) {
        return nonce < DIVISIBLE_NONCES && part != 0 && part < 1 << PART_BITS;
    }

    /// @notice The nonce of a part: 2^63, the order's nonce, 24 bits of the part's number.
    /// @dev The caller has shown that the order {isDivisible}.
    function nonceOfPart(uint64 nonce, uint32 part) internal pure returns (uint64) {
        return FIRST_OF_PARTS | (nonce << PART_BITS) | part;
    }

    /// @notice The first 15 bytes of an id.
    function prefixOf(bytes32 id) internal pure returns (bytes15) {
        return bytes15(id);
    }

    /// @notice What stands in `nonce`'s lane.
    function read(LanePair pair, uint64 nonce) internal pure returns (IDvP.Status status, bytes15 prefix) {
        uint128 lane = uint128(LanePair.unwrap(pair) >> _shift(nonce));
        status = IDvP.Status(uint8(lane));
        prefix = bytes15(uint120(lane >> 8));
    }

    /// @notice The pair with `nonce`'s lane replaced.
    function write(LanePair pair, uint64 nonce, IDvP.Status status, bytes32 id) internal pure returns (LanePair) {
        uint256 shift = _shift(nonce);
        uint256 lane = (uint256(uint120(prefixOf(id))) << 8) | uint8(status);
        return LanePair.wrap((LanePair.unwrap(pair) & ~(LANE_MASK << shift)) | (lane << shift));
    }

    function _shift(uint64 nonce) private pure returns (uint256) {
        return uint256(nonce & 1) << 7;
    }
}
