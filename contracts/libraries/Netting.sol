// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "../interfaces/IDvP.sol";
import {IDvPNet} from "../interfaces/IDvPNet.sol";
import {Position, Positions} from "./Positions.sol";
import {Sheets} from "./Sheets.sol";
import {TypedData} from "./TypedData.sol";
import {Row, Words} from "./Words.sol";

/// @title From gross legs to net positions
library Netting {
    uint256 internal constant LEG_BYTES = Sheets.LEG_BYTES;
    uint256 internal constant MAX_LEGS = 2_000;
    uint256 internal constant MAX_POSITIONS = 400;

    uint256 private constant MAX_PARTIES = 256;

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

    /// @notice The net positions in each security, of all parties that trade it.
    function movementsOf(bytes32 id, Sheet memory sheet) internal pure returns (IDvPNet.NetMovement[] memory movements) {
        movements = new IDvPNet.NetMovement[](sheet.tokenCount);
        for (uint256 i = 0; i < movements.length; ++i) {
            movements[i] = IDvPNet.NetMovement(Sheets.token(sheet.tokens, i).addressAt(0), _positionsOf(id, sheet, i));
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

    /// @dev The positions in the cycle's security at place `token`.
    function _positionsOf(bytes32 id, Sheet memory sheet, uint256 token)
        private
        pure
        returns (Position[] memory positions)
    {
        Words record = Sheets.token(sheet.tokens, token);
        uint256 traded = Sheets.tradersOf(record);
        if (traded == 0) revert IDvPNet.WithoutLegs(id, record.addressAt(0));
        uint256 count = 0;
        // Places and counts within lists that are bounded; each turn clears the lowest set bit.
        unchecked {
            for (uint256 rest = traded; rest != 0; rest &= rest - 1) ++count;
            positions = new Position[](count);
            Words row = Row.within(positions);
            uint256 next = 0;
            for (uint256 i = 0; next < count; ++i) {
                if ((traded >> i) & 1 == 0) continue;
                Words trader = Sheets.party(sheet.parties, sheet.tokenCount, i);
                row.put(next, Position.unwrap(Positions.from(trader.addressAt(0), Sheets.netOf(trader, token))));
                ++next;
            }
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
