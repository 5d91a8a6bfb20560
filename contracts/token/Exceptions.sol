// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC7943Fungible} from "../interfaces/IERC7943Fungible.sol";
import {ISecurityToken} from "../interfaces/ISecurityToken.sol";
import {Account, Accounts} from "../libraries/Accounts.sol";
import {RuleBits, Rules} from "../libraries/Rules.sol";
import {Holdings} from "./Holdings.sol";
import {Roles} from "./Roles.sol";

/// @title Exceptions: pause, freezes, a court's order, a lost wallet. None reaches what is earmarked
abstract contract Exceptions is Holdings, Roles {
    /// @inheritdoc ISecurityToken
    function setPaused(bool paused) external {
        _requireOfficer(!paused);
        Rules current = _rules;
        _rules = RuleBits.from(current.jurisdictions(), current.classes(), paused);
        emit PauseChanged(paused);
    }

    /// @inheritdoc ISecurityToken
    function setAccountFrozen(address account, bool frozen) external {
        _requireOfficer(!frozen);
        _setAccountFrozen(account, frozen);
    }

    /// @inheritdoc IERC7943Fungible
    function setFrozenTokens(address account, uint256 amount) external returns (bool) {
        _requireOfficer(amount < _frozen[account]);
        _setFrozen(account, amount);
        return true;
    }

    /// @inheritdoc IERC7943Fungible
    function forcedTransfer(address from, address to, uint256 amount)
        external
        onlyConfirming(Role.Officer)
        returns (bool)
    {
        // It ends in the registry's error or answers true, nothing else.
        // slither-disable-next-line unused-return
        registry.judgePair(to, to, _rules);
        if (_accounts[to].account.has(Accounts.FROZEN)) revert ERC7943CannotReceive(to);
        if (from == to) {
            // Nothing changes hands, so nothing is freed.
            _requireUnearmarked(from, _accounts[from].account, amount);
        } else {
            _takeUnearmarked(from, amount);
            _accounts[to].account = _accounts[to].account.credit(amount);
        }
        emit Transfer(from, to, amount);
        emit ForcedTransfer(from, to, amount);
        return true;
    }

    /// @inheritdoc ISecurityToken
    function recover(address wallet) external {
        address heir = registry.heirOf(wallet);
        if (heir == wallet) revert NotSucceeded(wallet);
        uint256 frozen = _frozen[wallet];
        Account account = _accounts[wallet].account;
        uint256 quantity = account.unearmarked();
        bool whole = account.has(Accounts.FROZEN);
        if (account.has(Accounts.RECOVERED) && quantity == 0 && frozen == 0 && !whole) revert NothingToRecover(wallet);

        // What is carried is cleared here, so that no second call carries it again.
        if (frozen > 0) {
            uint256 heirs = _frozen[heir];
            _setFrozen(wallet, 0);
            // More than the largest number cannot be frozen: it is everything.
            _setFrozen(heir, frozen > type(uint256).max - heirs ? type(uint256).max : heirs + frozen);
        }
        if (whole) {
            _setAccountFrozen(wallet, false);
            _setAccountFrozen(heir, true);
        }
        _accounts[wallet].account = _accounts[wallet].account.debit(quantity).with(Accounts.RECOVERED, true);
        _accounts[heir].account = _accounts[heir].account.credit(quantity);
        emit Transfer(wallet, heir, quantity);
        emit Recovered(wallet, heir, quantity);
    }

    function _setAccountFrozen(address account, bool frozen) private {
        _accounts[account].account = _accounts[account].account.with(Accounts.FROZEN, frozen);
        emit AccountFrozen(account, frozen);
    }
}
