// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TypedData} from "./TypedData.sol";
import {Words} from "./Words.sol";

/// @title The sheet of a cycle, in memory
/// @notice One record a party and one a security, in the cycle's order:
///
///   party: | address | legs, in bytes of their hashes; then where those end | net in security 0 | net in 1 | …
///   token: | address | traders: bit p says that party p has a leg in it |
///
/// A net is received less delivered, base units, signed. All of this runs once a leg or once a limit: in Solidity it
/// cost four times as much. tests/contracts/test_dvp_net_sheet.py holds it to a model. No memory is allocated here:
/// what is hashed is written beyond the end of allocated memory and hashed before anything else is written there.
library Sheets {
    /// @notice A leg, packed: | seller 1 | buyer 1 | token 1 | quantity 8 | hash of terms 32 |.
    uint256 internal constant LEG_BYTES = 43;

    uint256 internal constant TOKEN_WORDS = 2;

    uint256 private constant NETS = 2;

    /// @notice How long a party's record is.
    function partyWords(uint256 tokens) internal pure returns (uint256) {
        return NETS + tokens;
    }

    function party(Words parties, uint256 tokens, uint256 place) internal pure returns (Words record) {
        // Places are below 256.
        unchecked {
            return parties.from(place * (NETS + tokens));
        }
    }

    function token(Words tokens, uint256 place) internal pure returns (Words record) {
        // Places are below 256.
        unchecked {
            return tokens.from(place * TOKEN_WORDS);
        }
    }

    /// @notice How many legs a party has; between {count} and {setEnd}.
    function legsOf(Words record) internal pure returns (uint256) {
        return record.get(1) >> 5;
    }

    function setEnd(Words record, Words end) internal pure {
        record.put(1, Words.unwrap(end));
    }

    function endOf(Words record) internal pure returns (Words) {
        return Words.wrap(record.get(1));
    }

    function netOf(Words record, uint256 place) internal pure returns (int256) {
        // Places are below 256.
        unchecked {
            return int256(record.get(NETS + place));
        }
    }

    function tradersOf(Words record) internal pure returns (uint256) {
        return record.get(1);
    }

    /// @notice Counts each party's legs, up to the first leg whose seller or buyer is no party or that are the same.
    /// @dev The caller has shown that `legs` are whole.
    /// @return good how many legs were counted.
    function count(bytes calldata legs, Words parties, uint256 partyCount, uint256 tokenCount)
        internal
        pure
        returns (uint256 good)
    {
        // slither-disable-next-line assembly -- a quarter of what Solidity takes
        assembly ("memory-safe") {
            let width := shl(5, add(tokenCount, 2))
            let counts := add(parties, 0x20)
            let at := legs.offset
            let end := add(at, legs.length)
            for {} lt(at, end) { at := add(at, LEG_BYTES) } {
                let head := calldataload(at)
                let seller := byte(0, head)
                let buyer := byte(1, head)
                if or(eq(seller, buyer), iszero(and(lt(seller, partyCount), lt(buyer, partyCount)))) { break }
                seller := add(counts, mul(seller, width))
                mstore(seller, add(mload(seller), 0x20))
                buyer := add(counts, mul(buyer, width))
                mstore(buyer, add(mload(buyer), 0x20))
            }
            good := div(sub(at, legs.offset), LEG_BYTES)
        }
    }

    /// @notice Writes the legs into the records, up to the first leg whose token is none or that moves nothing.
    /// @dev The caller has shown that `legs` are whole and their parties parties, and gave each party a place among
    /// the hashes. At most 2,000 quantities of 64 bits sum to less than 2^75: below zero they wrap to two's complement.
    /// @return good how many legs were written.
    function enter(bytes calldata legs, Words parties, Words tokens, uint256 tokenCount)
        internal
        pure
        returns (uint256 good)
    {
        bytes32 typeHash = TypedData.NET_LEG_TYPEHASH;
        // slither-disable-next-line assembly -- a quarter of what Solidity takes
        assembly ("memory-safe") {
            let leg := mload(0x40)
            mstore(leg, typeHash)
            let width := shl(5, add(tokenCount, 2))
            let at := legs.offset
            let end := add(at, legs.length)
            for {} lt(at, end) { at := add(at, LEG_BYTES) } {
                let head := calldataload(at)
                let place := byte(2, head)
                let quantity := and(shr(168, head), 0xffffffffffffffff)
                // Their product is zero if either is.
                if iszero(mul(lt(place, tokenCount), quantity)) { break }
                let security := add(tokens, shl(6, place))
                let seller := add(parties, mul(byte(0, head), width))
                let buyer := add(parties, mul(byte(1, head), width))
                mstore(add(leg, 0x20), mload(security))
                mstore(add(leg, 0x40), mload(seller))
                mstore(add(leg, 0x60), mload(buyer))
                mstore(add(leg, 0x80), quantity)
                mstore(add(leg, 0xa0), calldataload(add(at, 11)))
                let hash := keccak256(leg, 0xc0)

                security := add(security, 0x20)
                // Meant as it stands: one bit, at the place of each party, of which there are at most 256.
                // slither-disable-next-line incorrect-shift
                mstore(security, or(mload(security), or(shl(byte(0, head), 1), shl(byte(1, head), 1))))

                // The record's second word, then, `place` words on, the net.
                place := shl(5, add(place, 1))
                seller := add(seller, 0x20)
                let next := mload(seller)
                mstore(next, hash)
                mstore(seller, add(next, 0x20))
                seller := add(seller, place)
                mstore(seller, sub(mload(seller), quantity))
                buyer := add(buyer, 0x20)
                next := mload(buyer)
                mstore(next, hash)
                mstore(buyer, add(next, 0x20))
                buyer := add(buyer, place)
                mstore(buyer, add(mload(buyer), quantity))
            }
            good := div(sub(at, legs.offset), LEG_BYTES)
        }
    }

    /// @notice EIP-712's hash of one party's `NetLimit[]`, up to the first limit that its net is below.
    /// @dev The caller has shown that `limits` has `tokenCount` entries from `first` on.
    /// @return good how many limits hold.
    /// @return hash counts if all do.
    function hashLimits(Words record, Words tokens, uint256 tokenCount, int256[] calldata limits, uint256 first)
        internal
        pure
        returns (uint256 good, bytes32 hash)
    {
        bytes32 typeHash = TypedData.NET_LIMIT_TYPEHASH;
        // slither-disable-next-line assembly -- a quarter of what Solidity takes
        assembly ("memory-safe") {
            let limit := mload(0x40)
            mstore(limit, typeHash)
            let list := add(limit, 0x60)
            let net := add(record, 0x40)
            let at := add(limits.offset, shl(5, first))
            for {} lt(good, tokenCount) { good := add(good, 1) } {
                let offset := shl(5, good)
                let least := calldataload(add(at, offset))
                if slt(mload(add(net, offset)), least) { break }
                mstore(add(limit, 0x20), mload(add(tokens, shl(1, offset))))
                mstore(add(limit, 0x40), least)
                mstore(add(list, offset), keccak256(limit, 0x60))
            }
            hash := keccak256(list, shl(5, tokenCount))
        }
    }

    /// @notice Writes the positions in one security, of all parties that trade it, as {Positions} draws them.
    /// @dev The caller has shown that there is room for one position a party.
    /// @return written how many.
    function writePositions(Words record, Words parties, uint256 tokenCount, uint256 place, Words to)
        internal
        pure
        returns (uint256 written)
    {
        // slither-disable-next-line assembly -- a quarter of what Solidity takes
        assembly ("memory-safe") {
            let width := shl(5, add(tokenCount, 2))
            let net := shl(5, add(place, 2))
            let next := to
            for { let traders := mload(add(record, 0x20)) } traders { traders := shr(1, traders) } {
                if and(traders, 1) {
                    mstore(next, or(shl(96, mload(parties)), shr(160, shl(160, mload(add(parties, net))))))
                    next := add(next, 0x20)
                }
                parties := add(parties, width)
            }
            written := shr(5, sub(next, to))
        }
    }
}
