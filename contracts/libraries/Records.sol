// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "../interfaces/IParticipantRegistry.sol";
import {RuleBits, Rules} from "./Rules.sol";

/// @notice What the registry keeps of a wallet; one storage slot, from the low end:
///
///   0          160            168     176    214       254        256
///   | lei 20 B | jurisdiction | class | free | expires | standing |
///
/// Jurisdiction and class are numbers of bits in a security's rules (libraries/Rules.sol). The standing is the status
/// counted from the top, Active 3, Suspended 2, Closed 1, None 0: so that standing and expiry are judged as one number.
type Record is uint256;

using Records for Record global;

/// @title Reading and replacing the parts of a record
library Records {
    uint256 private constant JURISDICTION = 160;
    uint256 private constant CLASS = 168;
    uint256 private constant EXPIRES = 214;
    uint256 private constant STANDING = 254;
    uint256 private constant STANDINGS = 4;

    /// @dev Standing and expiry of a record that is Active until second 0.
    uint256 private constant ACTIVE = 3 << (STANDING - EXPIRES);

    /// @dev `number` < 192, `class` < 32.
    function from(bytes20 lei_, IParticipantRegistry.Status status_, uint8 number, uint8 class, uint40 expires_)
        internal
        pure
        returns (Record)
    {
        return Record.wrap(
            uint256(uint160(lei_)) | (uint256(number) << JURISDICTION)
                | ((RuleBits.JURISDICTIONS + class) << CLASS) | (uint256(expires_) << EXPIRES) | _standing(status_)
        );
    }

    function lei(Record record) internal pure returns (bytes20) {
        return bytes20(uint160(Record.unwrap(record)));
    }

    function status(Record record) internal pure returns (IParticipantRegistry.Status) {
        return IParticipantRegistry.Status((STANDINGS - (Record.unwrap(record) >> STANDING)) % STANDINGS);
    }

    function jurisdiction(Record record) internal pure returns (uint8) {
        return uint8(Record.unwrap(record) >> JURISDICTION);
    }

    /// @dev The wallet is registered.
    function investorClass(Record record) internal pure returns (uint8) {
        return uint8((Record.unwrap(record) >> CLASS) - RuleBits.JURISDICTIONS);
    }

    function expires(Record record) internal pure returns (uint40) {
        return uint40(Record.unwrap(record) >> EXPIRES);
    }

    function withStatus(Record record, IParticipantRegistry.Status status_) internal pure returns (Record) {
        uint256 others = Record.unwrap(record) & ((1 << STANDING) - 1);
        return Record.wrap(others | _standing(status_));
    }

    /// @notice Active, and the last second not behind us: the boundary of {Deadline}, in one comparison with the
    /// standing.
    function mayAct(Record record) internal view returns (bool) {
        // Seconds since 1970 are far below 2^40, and any sum beyond them is refused.
        unchecked {
            // A validator can shift a block's time by seconds; registrations count for days.
            // slither-disable-next-line timestamp
            return Record.unwrap(record) >> EXPIRES >= ACTIVE + block.timestamp;
        }
    }

    /// @notice {mayAct}, and `rules` let its jurisdiction and class hold.
    function mayHold(Record record, Rules rules) internal view returns (bool allowed) {
        uint256 active = ACTIVE;
        uint256 expiryBit = EXPIRES;
        // Judged for both sides of each movement: three jumps and two masks less, 60 gas a side.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            // Byte 11 from the high end is the jurisdiction, byte 10 the class.
            let bits := and(shr(byte(11, record), rules), shr(byte(10, record), rules))
            allowed := and(bits, iszero(lt(shr(expiryBit, record), add(active, timestamp()))))
        }
    }

    function _standing(IParticipantRegistry.Status status_) private pure returns (uint256) {
        return ((STANDINGS - uint256(status_)) % STANDINGS) << STANDING;
    }
}
