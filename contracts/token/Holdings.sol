// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "../interfaces/IERC20.sol";
import {IERC7092Views} from "../interfaces/IERC7092Views.sol";
import {IERC7943Fungible} from "../interfaces/IERC7943Fungible.sol";
import {IParticipantRegistry} from "../interfaces/IParticipantRegistry.sol";
import {ISecurityToken} from "../interfaces/ISecurityToken.sol";
import {Account, Accounts} from "../libraries/Accounts.sol";
import {Judgement} from "../libraries/Judgement.sol";
import {RuleBits, Rules} from "../libraries/Rules.sol";
import {BondTerms} from "./BondTerms.sol";

/// @title Who holds how much, who may, and the moves of which every act is made
abstract contract Holdings is BondTerms {
    using Judgement for IParticipantRegistry;

    /// @dev One slot a holder; drawn in libraries/Accounts.sol. A struct only so that code can hold a reference.
    struct Holding {
        Account account;
    }

    /// @inheritdoc ISecurityToken
    IParticipantRegistry public immutable registry;

    mapping(address holder => Holding) internal _accounts;

    /// @dev Not zero exactly where the account has the flag PARTLY_FROZEN.
    mapping(address holder => uint256) internal _frozen;

    /// @dev One slot. Drawn in libraries/Rules.sol.
    Rules internal _rules;

    /// @dev One slot. _totalSupply ≤ _authorised ≤ Accounts.MAX_UNITS always.
    uint64 internal _totalSupply;
    uint64 internal _authorised;

    constructor(Setup memory setup) {
        if (address(setup.registry) == address(0)) revert ZeroAddress();
        if (setup.authorised > Accounts.MAX_UNITS) {
            revert IssuanceLimitExceeded(0, setup.authorised, Accounts.MAX_UNITS);
        }
        registry = setup.registry;
        _authorised = setup.authorised;
        _rules = RuleBits.from(setup.jurisdictions, setup.investorClasses, false);
        emit RulesChanged(setup.jurisdictions, setup.investorClasses);
    }

    /// @inheritdoc ISecurityToken
    function requireTransferable(address from, address to, uint256 quantity) external view {
        _judge(from, to);
        _requireFree(from, _accounts[from].account, quantity);
        if (_accounts[to].account.has(Accounts.FROZEN)) revert ERC7943CannotReceive(to);
    }

    /// @inheritdoc ISecurityToken
    function whyNot(address from, address to, uint256 quantity) external view returns (bytes memory refusal) {
        try this.requireTransferable(from, to, quantity) {
            return "";
        } catch (bytes memory reason) {
            return reason;
        }
    }

    /// @inheritdoc IERC7943Fungible
    function canTransfer(address from, address to, uint256 amount) external view returns (bool) {
        try this.requireTransferable(from, to, amount) {
            return true;
        } catch {
            return false;
        }
    }

    /// @inheritdoc IERC7943Fungible
    function canSend(address account) external view returns (bool) {
        return _isAllowed(account);
    }

    /// @inheritdoc IERC7943Fungible
    function canReceive(address account) external view returns (bool) {
        return _isAllowed(account);
    }

    /// @inheritdoc IERC7943Fungible
    function getFrozenTokens(address account) external view returns (uint256) {
        return _frozen[account];
    }

    /// @inheritdoc ISecurityToken
    function isAccountFrozen(address account) external view returns (bool) {
        return _accounts[account].account.has(Accounts.FROZEN);
    }

    /// @inheritdoc IERC20
    function totalSupply() external view returns (uint256) {
        return _totalSupply;
    }

    /// @inheritdoc ISecurityToken
    function authorised() external view returns (uint256) {
        return _authorised;
    }

    /// @inheritdoc IERC20
    function balanceOf(address account) external view returns (uint256) {
        return _accounts[account].account.balance();
    }

    /// @inheritdoc ISecurityToken
    function freeOf(address holder) external view returns (uint256) {
        return _free(holder, _accounts[holder].account);
    }

    /// @inheritdoc ISecurityToken
    function earmarkedTotalOf(address holder) external view returns (uint256) {
        return _accounts[holder].account.earmarkedTotal();
    }

    /// @inheritdoc ISecurityToken
    function rules() external view returns (uint192 jurisdictions, uint32 investorClasses, bool paused) {
        Rules current = _rules;
        return (current.jurisdictions(), current.classes(), current.isPaused());
    }

    /// @inheritdoc IERC7092Views
    function issueVolume() external view returns (uint256) {
        return uint256(_totalSupply) * _nominal;
    }

    /// @inheritdoc IERC7092Views
    function principalOf(address account) external view returns (uint256) {
        return _accounts[account].account.balance() * _nominal;
    }

    /// @dev Both parties have been judged; zero is never registered, so never a party.
    function _moveFree(address from, address to, uint256 value) internal {
        _takeFree(from, value);
        // Read after the write: a transfer to oneself is exact. The sum of balances stays the supply.
        Holding storage holding = _accounts[to];
        Account receiver = holding.account;
        if (receiver.has(Accounts.FROZEN)) revert ERC7943CannotReceive(to);
        holding.account = receiver.credit(value);
        emit Transfer(from, to, value);
    }

    /// @dev Debits free units; the caller credits or destroys them.
    function _takeFree(address from, uint256 value) internal {
        Holding storage holding = _accounts[from];
        Account sender = holding.account;
        // The common case needs no look at lanes and flags.
        if (!sender.isBare() || value > sender.balance()) _requireFree(from, sender, value);
        holding.account = sender.debit(value);
    }

    /// @dev Debits units that no earmark holds, frozen ones last; the caller credits or destroys them.
    function _takeUnearmarked(address from, uint256 quantity) internal {
        uint256 free = _free(from, _accounts[from].account);
        _requireUnearmarked(from, _accounts[from].account, quantity);
        // Units beyond the free ones are frozen ones: at most as many as are frozen.
        if (quantity > free) _setFrozen(from, _frozen[from] - (quantity - free));
        _accounts[from].account = _accounts[from].account.debit(quantity);
    }

    function _setFrozen(address account, uint256 amount) internal {
        _frozen[account] = amount;
        _accounts[account].account = _accounts[account].account.with(Accounts.PARTLY_FROZEN, amount > 0);
        emit Frozen(account, amount);
    }

    /// @dev Credits what was just debited from `from` to `to`, or to its heir if `to` was recovered.
    function _arrive(address from, address to, uint256 quantity) internal {
        // Read after the write: delivery to the holder itself is exact. The sum of balances stays the supply.
        Holding storage holding = _accounts[to];
        Account receiver = holding.account;
        if (receiver.has(Accounts.RECOVERED)) {
            to = registry.heirOf(to);
            holding = _accounts[to];
            receiver = holding.account;
        }
        holding.account = receiver.credit(quantity);
        emit Transfer(from, to, quantity);
    }

    function _create(address to, uint256 quantity, uint256 limit) internal {
        uint256 issued = _totalSupply;
        // issued ≤ limit ≤ MAX_UNITS < 2^64 always.
        unchecked {
            if (quantity > limit - issued) revert IssuanceLimitExceeded(issued, quantity, limit);
            _totalSupply = uint64(issued + quantity);
        }
        _accounts[to].account = _accounts[to].account.credit(quantity);
        emit Transfer(address(0), to, quantity);
    }

    /// @dev Units that were debited leave the supply, and what may be issued.
    function _leaveSupply(uint256 quantity) internal {
        // They were part of the supply, which is within what is authorised.
        unchecked {
            _totalSupply -= uint64(quantity);
            _authorised -= uint64(quantity);
        }
    }

    /// @dev One slot here, one call to the registry: the rules of the security on both.
    function _judge(address first, address second) internal view {
        Rules current = _rules;
        if (current.isPaused()) revert SecurityPaused(_isin);
        registry.judge(first, second, current);
    }

    function _requireFree(address from, Account account, uint256 value) internal view {
        if (account.has(Accounts.FROZEN)) revert ERC7943CannotSend(from);
        _requireUnearmarked(from, account, value);
        uint256 free = _free(from, account);
        if (value > free) revert ERC7943InsufficientUnfrozenBalance(from, value, free);
    }

    function _free(address holder, Account account) internal view returns (uint256 free) {
        free = account.unearmarked();
        if (account.has(Accounts.PARTLY_FROZEN)) {
            uint256 frozen = _frozen[holder];
            // Only subtracted when the result is not negative.
            unchecked {
                free = frozen < free ? free - frozen : 0;
            }
        }
    }

    function _isAllowed(address account) private view returns (bool) {
        return !_accounts[account].account.has(Accounts.FROZEN) && registry.isAllowed(account, _rules);
    }

    function _requireUnearmarked(address holder, Account account, uint256 quantity) internal pure {
        uint256 unearmarked = account.unearmarked();
        if (quantity > unearmarked) revert ERC20InsufficientBalance(holder, unearmarked, quantity);
    }
}
