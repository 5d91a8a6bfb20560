// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "../interfaces/IParticipantRegistry.sol";
import {Deadline} from "./Deadline.sol";

/// @notice What the registry keeps of a wallet; one storage slot, from the low end:
///
///   0          160      168            176             184       224    256
///   | lei 20 B | status | jurisdiction | investorClass | expires | free |
///
/// The jurisdiction is the number under which the registry keeps the country's code.
type Record is uint256;

using Records for Record global;

/// @title Reading and replacing the parts of a record
library Records {
    using Deadline for uint40;

    uint256 private constant STATUS = 160;
    uint256 private constant JURISDICTION = 168;
    uint256 private constant CLASS = 176;
    uint256 private constant EXPIRES = 184;

    function from(bytes20 lei_, IParticipantRegistry.Status status_, uint8 number, uint8 class, uint40 expires_)
        internal
        pure
        returns (Record)
    {
        return Record.wrap(
            uint256(uint160(lei_)) | (uint256(status_) << STATUS) | (uint256(number) << JURISDICTION)
                | (uint256(class) << CLASS) | (uint256(expires_) << EXPIRES)
        );
    }

    function lei(Record record) internal pure returns (bytes20) {
        return bytes20(uint160(Record.unwrap(record)));
    }

    function status(Record record) internal pure returns (IParticipantRegistry.Status) {
        return IParticipantRegistry.Status(uint8(Record.unwrap(record) >> STATUS));
    }

    function jurisdiction(Record record) internal pure returns (uint8) {
        return uint8(Record.unwrap(record) >> JURISDICTION);
    }

    function investorClass(Record record) internal pure returns (uint8) {
        return uint8(Record.unwrap(record) >> CLASS);
    }

    function expires(Record record) internal pure returns (uint40) {
        return uint40(Record.unwrap(record) >> EXPIRES);
    }

    function withStatus(Record record, IParticipantRegistry.Status status_) internal pure returns (Record) {
        uint256 others = Record.unwrap(record) & ~(uint256(type(uint8).max) << STATUS);
        return Record.wrap(others | (uint256(status_) << STATUS));
    }

    /// @notice Active, and the last second not behind us.
    function mayAct(Record record) internal view returns (bool) {
        return uint8(Record.unwrap(record) >> STATUS) == uint8(IParticipantRegistry.Status.Active)
            && !record.expires().hasPassed();
    }
}
