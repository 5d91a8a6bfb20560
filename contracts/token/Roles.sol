// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDualControl} from "../interfaces/IDualControl.sol";
import {ISecurityToken} from "../interfaces/ISecurityToken.sol";
import {DualControl} from "../libraries/DualControl.sol";

/// @title Who may act on the security, alone or by two hands
abstract contract Roles is ISecurityToken {
    using DualControl for DualControl.Book;

    mapping(Role role => address) private _roleHolders;
    DualControl.Book private _proposals;

    modifier only(Role role) {
        _requireRole(role);
        _;
    }

    /// @dev The confirmer makes, word for word, the call that `proposer` proposed.
    modifier onlyConfirming(Role proposer) {
        _confirm(proposer);
        _;
    }

    constructor(address issuer_, address officer, address confirmer) {
        _assign(Role.Issuer, issuer_);
        _assign(Role.Officer, officer);
        _assign(Role.Confirmer, confirmer);
    }

    /// @inheritdoc ISecurityToken
    function assignRole(Role role, address next) external {
        _roleOf(msg.sender);
        _proposals.confirm(_proposerBesides(msg.sender));
        _assign(role, next);
    }

    /// @inheritdoc IDualControl
    function propose(bytes calldata action) external returns (bytes32 id) {
        _roleOf(msg.sender);
        return _proposals.propose(action);
    }

    /// @inheritdoc IDualControl
    function withdraw(bytes32 id) external {
        _proposals.withdraw(id);
    }

    /// @inheritdoc ISecurityToken
    function holderOf(Role role) external view returns (address) {
        return _roleHolders[role];
    }

    /// @inheritdoc ISecurityToken
    function issuer() external view returns (address) {
        return _roleHolders[Role.Issuer];
    }

    /// @inheritdoc IDualControl
    function proposalOf(address proposer, bytes32 id) external view returns (uint40 expires) {
        return _proposals.expiries[proposer][id];
    }

    /// @dev The officer's own act where it restricts; where it lifts, the confirmer's, as the officer proposed it.
    function _requireOfficer(bool lifts) internal {
        if (lifts) _confirm(Role.Officer);
        else _requireRole(Role.Officer);
    }

    function _confirm(Role proposer) private {
        _requireRole(Role.Confirmer);
        _proposals.confirm(_roleHolders[proposer]);
    }

    function _assign(Role role, address next) private {
        if (next == address(0)) revert ZeroAddress();
        for (uint256 i = 0; i <= uint256(type(Role).max); ++i) {
            if (_roleHolders[Role(i)] == next) revert DuplicateRole(next);
        }
        emit RoleAssigned(role, _roleHolders[role], next);
        _roleHolders[role] = next;
    }

    function _requireRole(Role role) private view {
        address expected = _roleHolders[role];
        if (msg.sender != expected) revert WrongRole(msg.sender, role, expected);
    }

    /// @dev Another of the roles who proposed the call that is being made; zero: none.
    function _proposerBesides(address caller) private view returns (address) {
        for (uint256 i = 0; i <= uint256(type(Role).max); ++i) {
            address holder = _roleHolders[Role(i)];
            if (holder != caller && _proposals.isProposedBy(holder)) return holder;
        }
        return address(0);
    }

    function _roleOf(address holder) private view returns (Role) {
        for (uint256 i = 0; i <= uint256(type(Role).max); ++i) {
            if (_roleHolders[Role(i)] == holder) return Role(i);
        }
        revert NoRole(holder);
    }
}
