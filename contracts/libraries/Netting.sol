// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "../interfaces/IDvP.sol";
import {IDvPNet} from "../interfaces/IDvPNet.sol";
import {ISecurityToken} from "../interfaces/ISecurityToken.sol";
import {Sheets} from "./Sheets.sol";
import {TypedData} from "./TypedData.sol";
import {Row, Words} from "./Words.sol";

/// @title From gross legs to net positions
library Netting {
    uint256 internal constant LEG_BYTES = Sheets.LEG_BYTES;
    uint256 internal constant MAX_LEGS = 2_000;
    uint256 internal constant MAX_POSITIONS = 400;

    uint256 private constant MAX_PARTIES = 256;

    /// @dev Words: the offset of the Net, its two numbers, the offset and the length of its movements.
    uint256 private constant NET_HEAD = 5;

    /// @dev Words: the token, the offset and the length of its positions.
    uint256 private constant MOVEMENT_HEAD = 3;

    /// @notice A cycle, worked out.
    /// @param parties its parties, drawn in Sheets.sol.
    /// @param tokens its securities, drawn there too.
    /// @param hashes struct hashes of the parties' own legs, party after party, each in the cycle's order.
    struct Sheet {
        Words parties;
        Words tokens;
        Words hashes;
        uint256 partyCount;
        uint256 tokenCount;
    }

    /// @notice Refuses a cycle that is not well-formed, leg by leg, and adds it up.
    function workOut(bytes32 id, IDvPNet.Cycle calldata cycle) internal view returns (Sheet memory sheet) {
        uint256 count = _requireShape(id, cycle);
        sheet.partyCount = cycle.parties.length;
        sheet.tokenCount = cycle.tokens.length;
        sheet.parties = Row.spread(cycle.parties, Sheets.partyWords(sheet.tokenCount));
        sheet.tokens = Row.spread(cycle.tokens, Sheets.TOKEN_WORDS);
        sheet.hashes = Row.create(2 * count);

        bytes calldata legs = cycle.legs;
        uint256 good = Sheets.count(legs, sheet.parties, sheet.partyCount, sheet.tokenCount);
        if (good != count) _refuseParties(id, legs, good, sheet);
        _place(id, sheet);
        good = Sheets.enter(legs, sheet.parties, sheet.tokens, sheet.tokenCount);
        if (good != count) _refuseLeg(id, legs, good, sheet.tokenCount);
    }

    /// @notice What the party at place `party` signs: the id, its legs, its limits. Refuses a limit that is broken.
    /// @dev The caller has shown that there are as many limits as parties times tokens.
    function statementOf(bytes32 id, Sheet memory sheet, int256[] calldata limits, uint256 party)
        internal
        pure
        returns (bytes32)
    {
        uint256 tokens = sheet.tokenCount;
        Words record = Sheets.party(sheet.parties, tokens, party);
        // Places within lists that are bounded.
        unchecked {
            uint256 first = party * tokens;
            (uint256 good, bytes32 limitsHash) = Sheets.hashLimits(record, sheet.tokens, tokens, limits, first);
            if (good != tokens) {
                address token = Sheets.token(sheet.tokens, good).addressAt(0);
                int256 net = Sheets.netOf(record, good);
                revert IDvPNet.BelowNetLimit(id, record.addressAt(0), token, net, limits[first + good]);
            }
            Words start = party == 0 ? sheet.hashes : Sheets.endOf(Sheets.party(sheet.parties, tokens, party - 1));
            return TypedData.hashNetStatement(id, start.hashTo(Sheets.endOf(record)), limitsHash);
        }
    }

    /// @notice abi.encode(net) of the cycle's {IDvPNet-Net}, in words.
    /// @return net the encoding.
    /// @return length how many words it has.
    function encode(bytes32 id, Sheet memory sheet, uint32 epoch, uint40 payBy)
        internal
        pure
        returns (Words net, uint256 length)
    {
        uint256 tokens = sheet.tokenCount;
        // Lengths are bounded by MAX_POSITIONS.
        unchecked {
            net = Row.create(NET_HEAD + tokens * (1 + MOVEMENT_HEAD + sheet.partyCount));
            net.put(0, 32);
            net.put(1, epoch);
            net.put(2, payBy);
            net.put(3, 3 * 32);
            net.put(4, tokens);
            length = tokens;
            Words movements = net.from(NET_HEAD);
            for (uint256 i = 0; i < tokens; ++i) {
                Words record = Sheets.token(sheet.tokens, i);
                if (Sheets.tradersOf(record) == 0) revert IDvPNet.WithoutLegs(id, record.addressAt(0));
                movements.put(i, 32 * length);
                Words movement = movements.from(length);
                movement.put(0, record.get(0));
                movement.put(1, 2 * 32);
                uint256 count = Sheets.writePositions(record, sheet.parties, tokens, i, movement.from(MOVEMENT_HEAD));
                movement.put(2, count);
                length += MOVEMENT_HEAD + count;
            }
            length += NET_HEAD;
        }
    }

    /// @notice The movement of the security at place `token` within what {encode} made.
    function movementIn(Words net, uint256 token) internal pure returns (Words) {
        // As {encode} wrote it.
        unchecked {
            return net.from(NET_HEAD + (net.get(NET_HEAD + token) >> 5));
        }
    }

    /// @notice {ISecurityToken-earmarkNet} of one movement, which is not a movement any more afterwards.
    /// @dev {workOut} has shown that there is code at the token. Ends in the token's own error if it refuses.
    function earmark(Words movement) internal {
        uint256 selector = uint32(ISecurityToken.earmarkNet.selector);
        // Encoding the positions once more would cost 100 gas each: the selector and the list's offset take the place
        // of the two words before the list, and the call's data lie there as the ABI has them.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            let token := mload(movement)
            mstore(movement, selector)
            mstore(add(movement, 0x20), 0x20)
            let length := add(0x44, shl(5, mload(add(movement, 0x40))))
            if iszero(call(gas(), token, 0, add(movement, 0x1c), length, 0, 0)) {
                let free := mload(0x40)
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }

    function requireLength(bytes32 id, uint256 actual, uint256 expected) internal pure {
        if (actual != expected) revert IDvPNet.NetLengthMismatch(id, actual, expected);
    }

    function _requireShape(bytes32 id, IDvPNet.Cycle calldata cycle) private view returns (uint256 legs) {
        uint256 length = cycle.legs.length;
        uint256 rest = length % LEG_BYTES;
        if (length == 0 || rest != 0) revert IDvPNet.NetLengthMismatch(id, length, length + LEG_BYTES - rest);
        legs = length / LEG_BYTES;
        if (legs > MAX_LEGS) revert IDvPNet.CycleTooLarge(id, legs, MAX_LEGS);
        uint256 parties = cycle.parties.length;
        if (parties > MAX_PARTIES) revert IDvPNet.CycleTooLarge(id, parties, MAX_PARTIES);
        uint256 positions = parties * cycle.tokens.length;
        if (positions > MAX_POSITIONS) revert IDvPNet.CycleTooLarge(id, positions, MAX_POSITIONS);
        _requireAscending(id, cycle.parties);
        _requireAscending(id, cycle.tokens);
        for (uint256 i = 0; i < cycle.tokens.length; ++i) {
            if (cycle.tokens[i].code.length == 0) revert IDvP.NoToken(id, cycle.tokens[i]);
        }
    }

    /// @dev Gives each party its place among the hashes: where its legs start, once {Sheets-enter} ran, where they end.
    function _place(bytes32 id, Sheet memory sheet) private pure {
        Words next = sheet.hashes;
        for (uint256 i = 0; i < sheet.partyCount; ++i) {
            Words record = Sheets.party(sheet.parties, sheet.tokenCount, i);
            uint256 own = Sheets.legsOf(record);
            if (own == 0) revert IDvPNet.WithoutLegs(id, record.addressAt(0));
            Sheets.setEnd(record, next);
            next = next.from(own);
        }
    }

    function _requireAscending(bytes32 id, address[] calldata list) private pure {
        address previous = address(0);
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] <= previous) revert IDvPNet.NotAscending(id, previous, list[i]);
            previous = list[i];
        }
    }

    /// @dev Names what is wrong with the parties of leg `i`, of which something is.
    function _refuseParties(bytes32 id, bytes calldata legs, uint256 i, Sheet memory sheet) private pure {
        (uint256 seller, uint256 buyer) = (uint8(legs[i * LEG_BYTES]), uint8(legs[i * LEG_BYTES + 1]));
        uint256 parties = sheet.partyCount;
        if (seller >= parties) revert IDvPNet.LegOutOfRange(id, i, seller, parties);
        if (buyer >= parties) revert IDvPNet.LegOutOfRange(id, i, buyer, parties);
        revert IDvPNet.LegWithSelf(id, i, Sheets.party(sheet.parties, sheet.tokenCount, seller).addressAt(0));
    }

    /// @dev Names what is wrong with the token or the quantity of leg `i`, of which something is.
    function _refuseLeg(bytes32 id, bytes calldata legs, uint256 i, uint256 tokens) private pure {
        uint256 token = uint8(legs[i * LEG_BYTES + 2]);
        if (token >= tokens) revert IDvPNet.LegOutOfRange(id, i, token, tokens);
        revert IDvPNet.LegWithoutQuantity(id, i);
    }
}
