// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICollateral} from "../interfaces/ICollateral.sol";
import {IDvP} from "../interfaces/IDvP.sol";
import {IParticipantRegistry} from "../interfaces/IParticipantRegistry.sol";
import {ISecurityToken} from "../interfaces/ISecurityToken.sol";
import {CollateralTypedData} from "./CollateralTypedData.sol";
import {Book, Cover} from "./Cover.sol";
import {Deadline} from "../libraries/Deadline.sol";
import {LongStop} from "../libraries/DvPState.sol";
import {TypedData} from "../libraries/TypedData.sol";

/// @title All storage of the collateral register, and what its two halves do alike
abstract contract CollateralBooks is ICollateral {
    using Deadline for uint40;

    /// @dev Whose roles, agents and settlements count here.
    IDvP internal immutable _dvp;

    /// @dev Who says which wallet is another's heir.
    IParticipantRegistry internal immutable _registry;

    uint256 internal immutable _chainId;

    mapping(bytes32 agreementId => Book) internal _books;
    mapping(bytes32 pledgeId => Pledge) internal _pledges;
    // Written by CollateralEnforcement's code alone, which runs on this storage.
    // slither-disable-next-line uninitialized-state
    mapping(bytes32 pledgeId => LongStop) internal _longStops;

    /// @dev Digests of amendments, payments by agreement, settlements that moved title: each counts once.
    mapping(bytes32 id => bool) internal _used;

    // Written by CollateralEnforcement's code alone.
    // slither-disable-next-line uninitialized-state
    mapping(bytes32 settlementId => Sale) internal _sales;

    /// @dev Minor units of income that each pledge's taker owes.
    // Written by CollateralEnforcement's code alone.
    // slither-disable-next-line uninitialized-state
    mapping(bytes32 pledgeId => uint64) internal _incomeOwed;

    /// @param dvp_ whose roles, agents and settlements count here.
    /// @param registry_ who says which wallet is another's heir.
    constructor(IDvP dvp_, IParticipantRegistry registry_) {
        _dvp = dvp_;
        _registry = registry_;
        _chainId = block.chainid;
    }

    /// @param settlement the DvP settlement that moved title already; 0: none did.
    function _createRoot(
        Book storage book,
        bytes32 agreementId,
        address token,
        uint64 quantity,
        bytes32 salt,
        address holder,
        bytes32 settlement
    ) internal returns (bytes32 id) {
        if (token.code.length == 0) revert IDvP.NoToken(agreementId, token);
        Pledge memory root = _new(agreementId, token, quantity, book.terms);
        root.holder = holder;
        bool title = book.terms.mode == Mode.TitleTransfer;
        if (title) (root.quantity, root.owed) = (0, quantity);
        id = _store(root, salt);
        book.add(agreementId, token, quantity);
        if (title) emit TitleTransferred(id, agreementId, token, quantity, settlement);
        else emit Pledged(id, agreementId, 0, token, quantity, 0, root.until);
    }

    function _store(Pledge memory made, bytes32 salt) internal returns (bytes32 id) {
        id = _pledgeIdOf(made.agreementId, made.parent, made.token, salt);
        if (_pledges[id].agreementId != 0) revert PledgeExists(id);
        _pledges[id] = made;
    }

    /// @dev Takes `quantity` out of what is pledged, and out of what its parent's taker pledged on.
    function _shrink(bytes32 id, Pledge storage given, uint64 quantity) internal {
        if (quantity == 0) revert NoQuantity(id);
        uint64 before = given.quantity;
        uint64 selling = given.selling;
        if (quantity > before - selling) revert InsufficientPledge(id, before - selling, quantity);
        given.quantity = before - quantity;
        _requireKept(id, given);
        given.recalled = given.recalled > quantity ? given.recalled - quantity : 0;
        if (given.parent != 0) _pledges[given.parent].reused -= quantity;
        _books[given.agreementId].remove(given.token, quantity);
    }

    /// @dev What is at hand of the pledge still holds what its taker pledged on.
    function _requireKept(bytes32 id, Pledge storage given) internal view {
        uint64 limit = _limitOf(given, given.quantity - given.selling);
        if (given.reused > limit) revert ReuseExceeded(id, given.reused, limit);
    }

    /// @dev Units of a root leave the lane; those of others stay their parents'.
    function _free(bytes32 id, Pledge storage given, uint64 quantity) internal {
        emit Released(id, quantity);
        if (given.parent == 0) ISecurityToken(given.token).releaseEarmark(given.holder, quantity);
    }

    function _use(bytes32 id) internal {
        if (_used[id]) revert AlreadyUsed(id);
        _used[id] = true;
    }

    function _requireSameChain(bytes32 id) internal view {
        if (block.chainid != _chainId) revert IDvP.ChainChanged(id, block.chainid, _chainId);
    }

    /// @dev `party`, or its heir, acts: nobody else.
    function _requireActing(address party) internal view returns (address acting) {
        acting = _heirOf(party);
        if (_actor() != acting) revert NotActing(_actor(), acting);
    }

    /// @dev Whose act this call is. This contract calls itself only in {run}, which ends the calldata with the party;
    /// of no token does it call a function that it has itself.
    function _actor() internal view returns (address) {
        return msg.sender == address(this) ? address(bytes20(msg.data[msg.data.length - 20:])) : msg.sender;
    }

    function _heirOf(address wallet) internal view returns (address) {
        return _registry.heirOf(wallet);
    }

    function _bookOf(bytes32 id) internal view returns (Book storage book) {
        book = _books[id];
        if (book.terms.giver == address(0)) revert UnknownAgreement(id);
    }

    function _pledgeOf(bytes32 id) internal view returns (Pledge storage given) {
        given = _pledges[id];
        if (given.agreementId == 0) revert UnknownPledge(id);
    }

    /// @dev Whatever chain this is called now: what is signed for one does not count on the other.
    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return TypedData.digest(CollateralTypedData.domain(address(this)), structHash);
    }

    /// @dev A pledge as its agreement has it: no link above, title not yet thought of.
    function _new(bytes32 agreementId, address token, uint64 quantity, Agreement storage terms)
        internal
        view
        returns (Pledge memory made)
    {
        if (quantity == 0) revert NoQuantity(agreementId);
        made.agreementId = agreementId;
        made.token = token;
        made.quantity = quantity;
        made.maxDepth = terms.maxDepth;
        made.reuseCap = terms.reuseCap;
        made.until = terms.until;
    }

    /// @dev How much of `quantity` units may be pledged on, rounded down.
    function _limitOf(Pledge storage given, uint64 quantity) internal view returns (uint64) {
        // The cap is at most the whole.
        return uint64(uint256(quantity) * given.reuseCap / Cover.MILLION);
    }

    function _longStopFrom(bytes32 id) internal view returns (uint40) {
        LongStop memory stop = _longStops[id];
        return stop.from != 0 && stop.epoch == _dvp.currentEpoch() ? stop.from : 0;
    }

    function _pledgeIdOf(bytes32 agreementId, bytes32 parent, address token, bytes32 salt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(agreementId, parent, token, salt));
    }
}
