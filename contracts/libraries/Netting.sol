// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "../interfaces/IDvP.sol";
import {IDvPNet} from "../interfaces/IDvPNet.sol";
import {Position, Positions} from "./Positions.sol";
import {TypedData} from "./TypedData.sol";
import {Row, Words} from "./Words.sol";

/// @title From gross legs to net positions
library Netting {
    uint256 internal constant LEG_BYTES = 43;
    uint256 internal constant MAX_LEGS = 2_000;
    uint256 internal constant MAX_POSITIONS = 400;

    uint256 private constant MAX_PARTIES = 256;

    /// @notice A cycle, worked out.
    /// @param parties their addresses.
    /// @param tokens the securities' addresses.
    /// @param nets by token, then by party: received less delivered, base units, signed.
    /// @param traded by token: bit p says that party p has a leg in it.
    /// @param ends by party: where in `hashes` its legs end and the next party's begin.
    /// @param hashes struct hashes of the parties' own legs, party after party, each in the cycle's order.
    struct Sheet {
        Words parties;
        Words tokens;
        Words nets;
        Words traded;
        Words ends;
        Words hashes;
        uint256 partyCount;
        uint256 tokenCount;
    }

    /// @notice Refuses a cycle that is not well-formed, leg by leg, and adds it up.
    function workOut(bytes32 id, IDvPNet.Cycle calldata cycle) internal view returns (Sheet memory sheet) {
        bytes calldata legs = cycle.legs;
        uint256 count = _requireShape(id, cycle);
        sheet.partyCount = cycle.parties.length;
        sheet.tokenCount = cycle.tokens.length;
        sheet.parties = Row.copyOf(cycle.parties);
        sheet.tokens = Row.copyOf(cycle.tokens);
        sheet.nets = Row.create(sheet.partyCount * sheet.tokenCount);
        sheet.traded = Row.create(sheet.tokenCount);
        sheet.hashes = Row.create(2 * count);
        // Filled leg by leg, each party's end moves from its start to its end.
        sheet.ends = _starts(id, legs, count, sheet);
        _enter(id, legs, count, sheet);
    }

    /// @notice What the party at place `party` signs: the id, its legs, its limits. Refuses a limit that is broken.
    /// @dev The caller has shown that there are as many limits as parties times tokens.
    function statementOf(bytes32 id, Sheet memory sheet, int256[] calldata limits, uint256 party)
        internal
        pure
        returns (bytes32)
    {
        uint256 tokens = sheet.tokenCount;
        Words hashes = Row.create(tokens);
        // Places within lists that are bounded.
        unchecked {
            for (uint256 i = 0; i < tokens; ++i) {
                address token = sheet.tokens.addressAt(i);
                int256 limit = limits[party * tokens + i];
                int256 net = int256(sheet.nets.get(i * sheet.partyCount + party));
                if (net < limit) revert IDvPNet.BelowNetLimit(id, sheet.parties.addressAt(party), token, net, limit);
                hashes.put(i, uint256(TypedData.hashNetLimit(token, limit)));
            }
            uint256 start = party == 0 ? 0 : sheet.ends.get(party - 1);
            bytes32 legs = sheet.hashes.hash(start, sheet.ends.get(party));
            return TypedData.hashNetStatement(id, legs, hashes.hash(0, tokens));
        }
    }

    /// @notice The net positions in each security, of all parties that trade it.
    function movementsOf(bytes32 id, Sheet memory sheet) internal pure returns (IDvPNet.NetMovement[] memory movements) {
        movements = new IDvPNet.NetMovement[](sheet.tokenCount);
        for (uint256 i = 0; i < movements.length; ++i) {
            movements[i] = IDvPNet.NetMovement(sheet.tokens.addressAt(i), _positionsOf(id, sheet, i));
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

    /// @dev Writes the legs into the sheet. Their parties were checked by {_starts}.
    function _enter(bytes32 id, bytes calldata legs, uint256 count, Sheet memory sheet) private pure {
        // Read once: each is used in every turn.
        (Words ends, Words hashes) = (sheet.ends, sheet.hashes);
        (Words tokens, Words nets, Words traded) = (sheet.tokens, sheet.nets, sheet.traded);
        (Words parties, uint256 width, uint256 height) = (sheet.parties, sheet.partyCount, sheet.tokenCount);
        // Places were checked against the lists. MAX_LEGS quantities of 64 bits sum to less than 2^75, and a number
        // below zero wraps around as two's complement does.
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                uint256 head = _head(legs, i);
                (uint256 seller, uint256 buyer) = _partiesIn(head);
                uint256 token = uint8(head >> 232);
                uint256 quantity = uint64(head >> 168);
                if (token >= height) revert IDvPNet.LegOutOfRange(id, i, token, height);
                if (quantity == 0) revert IDvPNet.LegWithoutQuantity(id, i);
                bytes32 hash = TypedData.hashNetLeg(
                    tokens.addressAt(token),
                    parties.addressAt(seller),
                    parties.addressAt(buyer),
                    uint64(quantity),
                    _terms(legs, i)
                );
                hashes.put(ends.count(seller), uint256(hash));
                hashes.put(ends.count(buyer), uint256(hash));
                traded.put(token, traded.get(token) | (1 << seller) | (1 << buyer));
                token *= width;
                nets.increase(token + seller, 0 - quantity);
                nets.increase(token + buyer, quantity);
            }
        }
    }

    /// @dev Where each party's legs start among all parties'.
    function _starts(bytes32 id, bytes calldata legs, uint256 count, Sheet memory sheet)
        private
        pure
        returns (Words starts)
    {
        uint256 parties = sheet.partyCount;
        starts = Row.create(parties);
        // At most MAX_LEGS legs.
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                (uint256 seller, uint256 buyer) = _partiesIn(_head(legs, i));
                if (seller >= parties) revert IDvPNet.LegOutOfRange(id, i, seller, parties);
                if (buyer >= parties) revert IDvPNet.LegOutOfRange(id, i, buyer, parties);
                if (seller == buyer) revert IDvPNet.LegWithSelf(id, i, sheet.parties.addressAt(seller));
                starts.increase(seller, 1);
                starts.increase(buyer, 1);
            }
            uint256 start = 0;
            for (uint256 party = 0; party < parties; ++party) {
                uint256 own = starts.get(party);
                if (own == 0) revert IDvPNet.WithoutLegs(id, sheet.parties.addressAt(party));
                starts.put(party, start);
                start += own;
            }
        }
    }

    /// @dev The positions in the cycle's security at place `token`.
    function _positionsOf(bytes32 id, Sheet memory sheet, uint256 token)
        private
        pure
        returns (Position[] memory positions)
    {
        uint256 traded = sheet.traded.get(token);
        if (traded == 0) revert IDvPNet.WithoutLegs(id, sheet.tokens.addressAt(token));
        uint256 count = 0;
        // Places and counts within lists that are bounded; each turn clears the lowest set bit.
        unchecked {
            for (uint256 rest = traded; rest != 0; rest &= rest - 1) ++count;
            positions = new Position[](count);
            uint256 next = 0;
            for (uint256 party = 0; next < count; ++party) {
                if ((traded >> party) & 1 == 0) continue;
                int256 net = int256(sheet.nets.get(token * sheet.partyCount + party));
                positions[next] = Positions.from(sheet.parties.addressAt(party), net);
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

    function _partiesIn(uint256 head) private pure returns (uint256 seller, uint256 buyer) {
        return (head >> 248, uint8(head >> 240));
    }

    /// @dev The caller has shown that leg `i` lies within `legs`.
    function _head(bytes calldata legs, uint256 i) private pure returns (uint256 head) {
        // A slice would check its bounds again.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            head := calldataload(add(legs.offset, mul(i, LEG_BYTES)))
        }
    }

    /// @dev The caller has shown that leg `i` lies within `legs`.
    function _terms(bytes calldata legs, uint256 i) private pure returns (bytes32 terms) {
        // A slice would check its bounds again.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            terms := calldataload(add(add(legs.offset, mul(i, LEG_BYTES)), 11))
        }
    }
}
