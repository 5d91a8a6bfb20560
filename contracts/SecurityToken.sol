// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDualControl} from "./interfaces/IDualControl.sol";
import {IERC1643} from "./interfaces/IERC1643.sol";
import {IERC165} from "./interfaces/IERC165.sol";
import {IERC20} from "./interfaces/IERC20.sol";
import {IERC2612} from "./interfaces/IERC2612.sol";
import {IERC7092Views} from "./interfaces/IERC7092Views.sol";
import {IERC7943Fungible} from "./interfaces/IERC7943Fungible.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {Account, Accounts} from "./libraries/Accounts.sol";
import {Documents} from "./libraries/Documents.sol";
import {DualControl} from "./libraries/DualControl.sol";
import {Position, Positions} from "./libraries/Positions.sol";
import {RuleBits, Rules} from "./libraries/Rules.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title One security, its holdings, and earmarks in place
contract SecurityToken is ISecurityToken {
    using Documents for Documents.Shelf;
    using DualControl for DualControl.Book;
    using Positions for Position[];

    string private constant VERSION = "1";
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 private constant PPM_PER_BASIS_POINT = 100;

    /// @inheritdoc IERC20
    uint8 public immutable decimals;

    /// @inheritdoc ISecurityToken
    IParticipantRegistry public immutable registry;

    /// @inheritdoc ISecurityToken
    address public immutable predecessor;

    bytes12 private immutable _isin;
    bytes3 private immutable _currency;
    Kind private immutable _kind;
    DayCount private immutable _dayCount;
    uint64 private immutable _nominal;
    uint40 private immutable _issueDate;
    uint40 private immutable _maturityDate;
    uint32 private immutable _couponRate;
    uint8 private immutable _couponFrequency;

    address private immutable _lane0;
    address private immutable _lane1;
    address private immutable _lane2;

    /// @inheritdoc IERC20
    string public name;

    /// @inheritdoc IERC20
    string public symbol;

    /// @dev One slot. Drawn in libraries/Rules.sol.
    Rules private _rules;

    /// @dev One slot. _totalSupply ≤ _authorised ≤ Accounts.MAX_UNITS always.
    uint64 private _totalSupply;
    uint64 private _authorised;

    mapping(Role role => address) private _roleHolders;

    /// @inheritdoc ISecurityToken
    address public successor;

    /// @dev One slot a holder; drawn in libraries/Accounts.sol. A struct only so that code can hold a reference.
    struct Holding {
        Account account;
    }

    mapping(address holder => Holding) private _accounts;

    /// @dev Not zero exactly where the account has the flag PARTLY_FROZEN.
    mapping(address holder => uint256) private _frozen;

    /// @inheritdoc IERC20
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    /// @inheritdoc IERC2612
    mapping(address owner => uint256) public nonces;

    Documents.Shelf private _documents;
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

    /// @param name_ the security's name; also the name of its EIP-712 domain.
    /// @param symbol_ its short name.
    /// @param terms_ what the security is.
    /// @param setup how it starts.
    constructor(string memory name_, string memory symbol_, Terms memory terms_, Setup memory setup) {
        if (address(setup.registry) == address(0)) revert ZeroAddress();
        if (terms_.isin == bytes12(0) || (terms_.maturityDate != 0 && terms_.maturityDate <= terms_.issueDate)) {
            revert InvalidTerms(terms_.isin, terms_.issueDate, terms_.maturityDate);
        }
        if (setup.authorised > Accounts.MAX_UNITS) {
            revert IssuanceLimitExceeded(0, setup.authorised, Accounts.MAX_UNITS);
        }
        for (uint256 lane = 0; lane < 3; ++lane) {
            address earmarker = setup.earmarkers[lane];
            if (earmarker != address(0) && earmarker == setup.earmarkers[(lane + 1) % 3]) {
                revert DuplicateEarmarker(earmarker);
            }
        }
        name = name_;
        symbol = symbol_;
        decimals = terms_.decimals;
        _isin = terms_.isin;
        _currency = terms_.currency;
        _kind = terms_.kind;
        _dayCount = terms_.dayCount;
        _nominal = terms_.nominal;
        _issueDate = terms_.issueDate;
        _maturityDate = terms_.maturityDate;
        _couponRate = terms_.couponRate;
        _couponFrequency = terms_.couponFrequency;
        registry = setup.registry;
        predecessor = setup.predecessor;
        _lane0 = setup.earmarkers[0];
        _lane1 = setup.earmarkers[1];
        _lane2 = setup.earmarkers[2];
        _authorised = setup.authorised;
        _assign(Role.Issuer, setup.issuer);
        _assign(Role.Officer, setup.officer);
        _assign(Role.Confirmer, setup.confirmer);
        _rules = RuleBits.from(setup.jurisdictions, setup.investorClasses, false);
        emit RulesChanged(setup.jurisdictions, setup.investorClasses);
    }

    /// @inheritdoc IERC20
    function transfer(address to, uint256 value) external returns (bool) {
        _judge(msg.sender, to);
        _moveFree(msg.sender, to, value);
        return true;
    }

    /// @inheritdoc IERC20
    function approve(address spender, uint256 value) external returns (bool) {
        _approve(msg.sender, spender, value);
        return true;
    }

    /// @inheritdoc IERC20
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        _judge(from, to);
        registry.requireEligible(msg.sender, msg.sender);
        _spendAllowance(from, value);
        _moveFree(from, to, value);
        return true;
    }

    /// @inheritdoc IERC2612
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // A validator can shift a block's time by seconds; deadlines are minutes and more apart.
        // slither-disable-next-line timestamp
        if (block.timestamp > deadline) revert ERC2612ExpiredSignature(deadline);
        uint256 nonce = nonces[owner];
        bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, nonce, deadline));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR(), structHash));
        address signer = _signerOf(digest, v, r, s);
        if (signer == address(0) || signer != owner) revert ERC2612InvalidSigner(signer, owner);
        // Counted up by one for each signature: never near the end.
        unchecked {
            nonces[owner] = nonce + 1;
        }
        _approve(owner, spender, value);
    }

    /// @inheritdoc ISecurityToken
    function issue(address to, uint256 quantity) external only(Role.Issuer) {
        _requireNoSuccessor();
        _judge(to, to);
        if (_accounts[to].account.has(Accounts.FROZEN)) revert ERC7943CannotReceive(to);
        _create(to, quantity, _authorised);
    }

    /// @inheritdoc ISecurityToken
    function tap(uint256 quantity) external onlyConfirming(Role.Issuer) {
        _requireNoSuccessor();
        uint256 before = _authorised;
        // before ≤ MAX_UNITS always.
        unchecked {
            if (quantity > Accounts.MAX_UNITS - before) {
                revert IssuanceLimitExceeded(before, quantity, Accounts.MAX_UNITS);
            }
            _authorised = uint64(before + quantity);
        }
        emit Tapped(quantity, _authorised);
    }

    /// @inheritdoc ISecurityToken
    function redeem(address[] calldata holders, uint256[] calldata quantities)
        external
        onlyConfirming(Role.Issuer)
    {
        // A validator can shift a block's time by seconds; maturity is a day.
        // slither-disable-next-line timestamp
        if (_maturityDate == 0 || block.timestamp < _maturityDate) revert NotMatured(block.timestamp, _maturityDate);
        if (holders.length != quantities.length) revert LengthMismatch(holders.length, quantities.length);
        uint256 total = 0;
        for (uint256 i = 0; i < holders.length; ++i) {
            _takeUnearmarked(holders[i], quantities[i]);
            total += quantities[i];
            emit Redeemed(holders[i], quantities[i]);
            emit Transfer(holders[i], address(0), quantities[i]);
        }
        _leaveSupply(total);
    }

    /// @inheritdoc ISecurityToken
    function buyBack(address from, uint256 quantity) external only(Role.Issuer) {
        _judge(from, from);
        _spendAllowance(from, quantity);
        _takeFree(from, quantity);
        _leaveSupply(quantity);
        emit BoughtBack(from, quantity);
        emit Transfer(from, address(0), quantity);
    }

    /// @inheritdoc ISecurityToken
    function setRules(uint192 jurisdictions, uint32 investorClasses) external only(Role.Issuer) {
        _rules = RuleBits.from(jurisdictions, investorClasses, _rules.isPaused());
        emit RulesChanged(jurisdictions, investorClasses);
    }

    /// @inheritdoc ISecurityToken
    function setPaused(bool paused) external only(Role.Officer) {
        Rules current = _rules;
        _rules = RuleBits.from(current.jurisdictions(), current.classes(), paused);
        emit PauseChanged(paused);
    }

    /// @inheritdoc ISecurityToken
    function setAccountFrozen(address account, bool frozen) external only(Role.Officer) {
        _accounts[account].account = _accounts[account].account.with(Accounts.FROZEN, frozen);
        emit AccountFrozen(account, frozen);
    }

    /// @inheritdoc IERC7943Fungible
    function setFrozenTokens(address account, uint256 amount) external only(Role.Officer) returns (bool) {
        _setFrozen(account, amount);
        return true;
    }

    /// @inheritdoc IERC7943Fungible
    function forcedTransfer(address from, address to, uint256 amount)
        external
        onlyConfirming(Role.Officer)
        returns (bool)
    {
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
        if (frozen > 0) {
            uint256 heirs = _frozen[heir];
            _setFrozen(wallet, 0);
            // More than the largest number cannot be frozen: it is everything.
            _setFrozen(heir, frozen > type(uint256).max - heirs ? type(uint256).max : heirs + frozen);
        }
        Account account = _accounts[wallet].account;
        uint256 quantity = account.unearmarked();
        _accounts[wallet].account = account.debit(quantity).with(Accounts.RECOVERED, true);
        Account inherited = _accounts[heir].account.credit(quantity);
        if (account.has(Accounts.FROZEN) && !inherited.has(Accounts.FROZEN)) {
            inherited = inherited.with(Accounts.FROZEN, true);
            emit AccountFrozen(heir, true);
        }
        _accounts[heir].account = inherited;
        emit Transfer(wallet, heir, quantity);
        emit Recovered(wallet, heir, quantity);
    }

    /// @inheritdoc ISecurityToken
    function assignRole(Role role, address next) external {
        _roleOf(msg.sender);
        (address proposer,) = proposalOf(keccak256(msg.data));
        if (proposer == msg.sender) revert SameHands(proposer);
        if (proposer != address(0)) _roleOf(proposer);
        _proposals.confirm(proposer);
        _assign(role, next);
    }

    /// @inheritdoc ISecurityToken
    function nameSuccessor(address next) external onlyConfirming(Role.Issuer) {
        _requireNoSuccessor();
        if (next.code.length == 0) revert UnfitSuccessor(next);
        ISecurityToken token = ISecurityToken(next);
        bool sameRegistry = address(token.registry()) == address(registry);
        if (token.predecessor() != address(this) || !sameRegistry || token.terms().isin != _isin) {
            revert UnfitSuccessor(next);
        }
        successor = next;
        emit SuccessorNamed(next);
    }

    /// @inheritdoc ISecurityToken
    function migrate(uint256 quantity) external {
        address next = successor;
        if (next == address(0)) revert NoSuccessor();
        _judge(msg.sender, msg.sender);
        _takeFree(msg.sender, quantity);
        _leaveSupply(quantity);
        emit Migrated(msg.sender, next, quantity);
        emit Transfer(msg.sender, address(0), quantity);
        ISecurityToken(next).acceptMigration(msg.sender, quantity);
    }

    /// @inheritdoc ISecurityToken
    function acceptMigration(address holder, uint256 quantity) external {
        if (msg.sender != predecessor) revert NotPredecessor(msg.sender, predecessor);
        uint256 limit = _authorised + quantity;
        if (limit > Accounts.MAX_UNITS) revert IssuanceLimitExceeded(_authorised, quantity, Accounts.MAX_UNITS);
        // The event is the holder's Transfer from zero.
        // slither-disable-next-line events-maths
        _authorised = uint64(limit);
        _create(holder, quantity, limit);
    }

    /// @inheritdoc ISecurityToken
    function makeEarmark(address holder, address beneficiary, uint256 quantity) external {
        uint256 lane = _laneOf(msg.sender);
        _judge(holder, beneficiary);
        _earmark(lane, holder, quantity);
    }

    /// @inheritdoc ISecurityToken
    function earmarkNet(Position[] calldata positions) external {
        uint256 lane = _laneOf(msg.sender);
        positions.requireBalanced();
        uint256 last = positions.length;
        for (uint256 i = 0; i < last; ++i) {
            address party = positions[i].party();
            // Two by two, which spares every other call; the last of an odd number is judged with itself.
            if (i % 2 == 0) _judge(party, positions[i + 1 < last ? i + 1 : i].party());
            uint256 quantity = positions[i].given();
            if (quantity != 0) _earmark(lane, party, quantity);
        }
    }

    /// @inheritdoc ISecurityToken
    function releaseEarmark(address holder, uint256 quantity) external {
        Holding storage holding = _accounts[holder];
        Account account = _unearmarked(holder, holding.account, quantity);
        emit EarmarkReleased(holder, msg.sender, quantity);
        if (account.has(Accounts.RECOVERED)) {
            // A lane holds at most the balance, so the balance covers what just left the lane.
            holding.account = account.debit(quantity);
            _arrive(holder, holder, quantity);
        } else {
            holding.account = account;
        }
    }

    /// @inheritdoc ISecurityToken
    function settleEarmark(address holder, address to, uint256 quantity) external {
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        _debitEarmarked(holder, quantity);
        _arrive(holder, to, quantity);
    }

    /// @inheritdoc ISecurityToken
    function settleNet(Position[] calldata positions) external {
        positions.requireBalanced();
        (uint256 giver, uint256 owed, address from) = (0, 0, address(0));
        for (uint256 i = 0; i < positions.length; ++i) {
            uint256 taken = positions[i].taken();
            if (taken == 0) continue;
            address to = _heirIfRecovered(positions[i].party());
            // Balanced: while something is due, something is owed, or a giver follows.
            for (uint256 due = taken; due != 0;) {
                for (; owed == 0; ++giver) {
                    (from, owed) = (positions[giver].party(), positions[giver].given());
                    if (owed != 0) _debitEarmarked(from, owed);
                }
                uint256 quantity = owed < due ? owed : due;
                // quantity is the lesser of the two.
                unchecked {
                    owed -= quantity;
                    due -= quantity;
                }
                emit Transfer(from, to, quantity);
            }
            // After the debits: no balance ever holds units twice.
            _accounts[to].account = _accounts[to].account.credit(taken);
        }
    }

    /// @inheritdoc IERC1643
    function setDocument(bytes32 name_, string calldata uri, bytes32 documentHash) external only(Role.Issuer) {
        _documents.put(name_, uri, documentHash);
    }

    /// @inheritdoc IERC1643
    function removeDocument(bytes32 name_) external only(Role.Issuer) {
        _documents.remove(name_);
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
    function earmarkedOf(address holder, address earmarker) external view returns (uint256) {
        return _accounts[holder].account.earmarked(_laneOf(earmarker));
    }

    /// @inheritdoc ISecurityToken
    function earmarkedTotalOf(address holder) external view returns (uint256) {
        return _accounts[holder].account.earmarkedTotal();
    }

    /// @inheritdoc ISecurityToken
    function earmarkers() external view returns (address[3] memory) {
        return [_lane0, _lane1, _lane2];
    }

    /// @inheritdoc ISecurityToken
    function rules() external view returns (uint192 jurisdictions, uint32 investorClasses, bool paused) {
        Rules current = _rules;
        return (current.jurisdictions(), current.classes(), current.isPaused());
    }

    /// @inheritdoc ISecurityToken
    function holderOf(Role role) external view returns (address) {
        return _roleHolders[role];
    }

    /// @inheritdoc ISecurityToken
    function issuer() external view returns (address) {
        return _roleHolders[Role.Issuer];
    }

    /// @inheritdoc ISecurityToken
    function terms() external view returns (Terms memory) {
        return Terms({
            isin: _isin,
            kind: _kind,
            currency: _currency,
            decimals: decimals,
            nominal: _nominal,
            issueDate: _issueDate,
            maturityDate: _maturityDate,
            couponRate: _couponRate,
            couponFrequency: _couponFrequency,
            dayCount: _dayCount
        });
    }

    /// @inheritdoc IERC1643
    function getDocument(bytes32 name_)
        external
        view
        returns (string memory uri, bytes32 documentHash, uint256 lastModified)
    {
        Documents.Document memory document = _documents.documents[name_];
        return (document.uri, document.hash, document.lastModified);
    }

    /// @inheritdoc IERC1643
    function getAllDocuments() external view returns (bytes32[] memory) {
        return _documents.names;
    }

    /// @inheritdoc IERC7092Views
    function isin() external view returns (string memory) {
        return string(abi.encodePacked(_isin));
    }

    /// @inheritdoc IERC7092Views
    function denomination() external view returns (uint256) {
        return _nominal;
    }

    /// @inheritdoc IERC7092Views
    function issueVolume() external view returns (uint256) {
        return uint256(_totalSupply) * _nominal;
    }

    /// @inheritdoc IERC7092Views
    function couponRate() external view returns (uint256) {
        return _couponRate / PPM_PER_BASIS_POINT;
    }

    /// @inheritdoc IERC7092Views
    function issueDate() external view returns (uint256) {
        return _issueDate;
    }

    /// @inheritdoc IERC7092Views
    function maturityDate() external view returns (uint256) {
        return _maturityDate;
    }

    /// @inheritdoc IERC7092Views
    function principalOf(address account) external view returns (uint256) {
        return _accounts[account].account.balance() * _nominal;
    }

    /// @inheritdoc IERC7092Views
    function couponFrequency() external view returns (uint256) {
        return _couponFrequency;
    }

    /// @inheritdoc IERC7092Views
    function dayCountBasis() external view returns (uint8) {
        return uint8(_dayCount);
    }

    /// @inheritdoc IERC2612
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory domainName,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        // 0x0f: name, version, chain id and contract are used; salt and extensions are not.
        return (hex"0f", name, VERSION, block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    /// @inheritdoc IERC7092Views
    function currency() external pure returns (address) {
        return address(0);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERC7943Fungible).interfaceId
            || interfaceId == type(IERC1643).interfaceId
            // Of ERC-20, its metadata, ERC-2612 and ERC-5267: our interface files join what these number apart.
            || interfaceId == 0x36372b07 || interfaceId == 0xa219a025 || interfaceId == 0x9d8ff7da
            || interfaceId == 0x84b0196e;
    }

    /// @inheritdoc IDualControl
    function proposalOf(bytes32 id) public view returns (address proposer, uint40 expires) {
        DualControl.Proposal memory open = _proposals.proposals[id];
        return (open.proposer, open.expires);
    }

    /// @inheritdoc IERC2612
    // The name is the standard's.
    // slither-disable-next-line naming-convention
    function DOMAIN_SEPARATOR() public view returns (bytes32) { // solhint-disable-line func-name-mixedcase
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(name)), keccak256(bytes(VERSION)), block.chainid, address(this))
        );
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

    function _approve(address owner, address spender, uint256 value) private {
        if (spender == address(0)) revert ERC20InvalidSpender(spender);
        if (value > 0) registry.requireEligible(owner, spender);
        allowance[owner][spender] = value;
        emit Approval(owner, spender, value);
    }

    function _spendAllowance(address from, uint256 value) private {
        uint256 allowed = allowance[from][msg.sender];
        if (value > allowed) revert ERC20InsufficientAllowance(msg.sender, allowed, value);
        if (allowed != type(uint256).max) {
            // value ≤ allowed was just checked.
            unchecked {
                allowance[from][msg.sender] = allowed - value;
            }
        }
    }

    /// @dev Both parties have been judged; zero is never registered, so never a party.
    function _moveFree(address from, address to, uint256 value) private {
        _takeFree(from, value);
        // Read after the write: a transfer to oneself is exact. The sum of balances stays the supply.
        Holding storage holding = _accounts[to];
        Account receiver = holding.account;
        if (receiver.has(Accounts.FROZEN)) revert ERC7943CannotReceive(to);
        holding.account = receiver.credit(value);
        emit Transfer(from, to, value);
    }

    /// @dev Debits free units; the caller credits or destroys them.
    function _takeFree(address from, uint256 value) private {
        Holding storage holding = _accounts[from];
        Account sender = holding.account;
        _requireFree(from, sender, value);
        holding.account = sender.debit(value);
    }

    /// @dev Debits units that no earmark holds, frozen ones last; the caller credits or destroys them.
    function _takeUnearmarked(address from, uint256 quantity) private {
        uint256 free = _free(from, _accounts[from].account);
        _requireUnearmarked(from, _accounts[from].account, quantity);
        // Units beyond the free ones are frozen ones: at most as many as are frozen.
        if (quantity > free) _setFrozen(from, _frozen[from] - (quantity - free));
        _accounts[from].account = _accounts[from].account.debit(quantity);
    }

    function _setFrozen(address account, uint256 amount) private {
        _frozen[account] = amount;
        _accounts[account].account = _accounts[account].account.with(Accounts.PARTLY_FROZEN, amount > 0);
        emit Frozen(account, amount);
    }

    /// @dev What was judged before: sets units aside in `lane`.
    function _earmark(uint256 lane, address holder, uint256 quantity) private {
        Holding storage holding = _accounts[holder];
        Account account = holding.account;
        if (account.has(Accounts.FROZEN)) revert ERC7943CannotSend(holder);
        uint256 free = _free(holder, account);
        if (quantity > free) revert InsufficientFreeUnits(holder, free, quantity);
        holding.account = account.addEarmark(lane, quantity);
        emit Earmarked(holder, msg.sender, quantity);
    }

    /// @dev Takes units out of the caller's lane and the balance; the caller credits them.
    function _debitEarmarked(address holder, uint256 quantity) private {
        // A lane holds at most the balance, so the balance covers what just left the lane.
        Holding storage holding = _accounts[holder];
        holding.account = _unearmarked(holder, holding.account, quantity).debit(quantity);
    }

    /// @dev Credits what was just debited from `from` to `to`, or to its heir if `to` was recovered.
    function _arrive(address from, address to, uint256 quantity) private {
        // Read after the write: delivery to the holder itself is exact. The sum of balances stays the supply.
        Holding storage holding = _accounts[to];
        if (holding.account.has(Accounts.RECOVERED)) {
            to = registry.heirOf(to);
            holding = _accounts[to];
        }
        holding.account = holding.account.credit(quantity);
        emit Transfer(from, to, quantity);
    }

    function _create(address to, uint256 quantity, uint256 limit) private {
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
    function _leaveSupply(uint256 quantity) private {
        // They were part of the supply, which is within what is authorised.
        unchecked {
            _totalSupply -= uint64(quantity);
            _authorised -= uint64(quantity);
        }
    }

    function _requireRole(Role role) private view {
        address expected = _roleHolders[role];
        if (msg.sender != expected) revert WrongRole(msg.sender, role, expected);
    }

    /// @dev One slot here, one call to the registry: the rules of the security on both.
    function _judge(address first, address second) private view {
        Rules current = _rules;
        if (current.isPaused()) revert SecurityPaused(_isin);
        // In a loop only for a cycle, which is locked as a whole or not at all.
        // slither-disable-next-line unused-return,calls-loop
        registry.judgePair(first, second, current);
    }

    /// @dev Who gets what arrives for `to`: itself, or its heir if it was recovered.
    function _heirIfRecovered(address to) private view returns (address) {
        // In a loop only for a cycle; the registry is the security's own.
        // slither-disable-next-line calls-loop
        return _accounts[to].account.has(Accounts.RECOVERED) ? registry.heirOf(to) : to;
    }

    function _isAllowed(address account) private view returns (bool) {
        return !_accounts[account].account.has(Accounts.FROZEN) && registry.isAllowed(account, _rules);
    }

    function _requireFree(address from, Account account, uint256 value) private view {
        if (account.isPlain() && value <= account.unearmarked()) return;
        if (account.has(Accounts.FROZEN)) revert ERC7943CannotSend(from);
        _requireUnearmarked(from, account, value);
        uint256 free = _free(from, account);
        if (value > free) revert ERC7943InsufficientUnfrozenBalance(from, value, free);
    }

    function _requireNoSuccessor() private view {
        if (successor != address(0)) revert SuccessorAlreadyNamed(successor);
    }

    function _free(address holder, Account account) private view returns (uint256 free) {
        free = account.unearmarked();
        if (account.has(Accounts.PARTLY_FROZEN)) {
            uint256 frozen = _frozen[holder];
            // Only subtracted when the result is not negative.
            unchecked {
                free = frozen < free ? free - frozen : 0;
            }
        }
    }

    /// @dev `holder`'s account with `quantity` taken out of the caller's lane; writes nothing.
    function _unearmarked(address holder, Account account, uint256 quantity) private view returns (Account) {
        uint256 lane = _laneOf(msg.sender);
        uint256 earmarked = account.earmarked(lane);
        if (quantity > earmarked) revert InsufficientEarmark(holder, msg.sender, earmarked, quantity);
        return account.removeEarmark(lane, quantity);
    }

    function _laneOf(address earmarker) private view returns (uint256) {
        if (earmarker != address(0)) {
            if (earmarker == _lane0) return 0;
            if (earmarker == _lane1) return 1;
            if (earmarker == _lane2) return 2;
        }
        revert NotEarmarker(earmarker);
    }

    function _roleOf(address holder) private view returns (Role) {
        for (uint256 i = 0; i <= uint256(type(Role).max); ++i) {
            if (_roleHolders[Role(i)] == holder) return Role(i);
        }
        revert NoRole(holder);
    }

    /// @dev Zero if nobody signed, or with the higher s; the library takes s with v in its highest bit.
    function _signerOf(bytes32 digest, uint8 v, bytes32 r, bytes32 s) private pure returns (address) {
        if ((v != 27 && v != 28) || uint256(s) >> 255 != 0) return address(0);
        return Signatures.recoverCompact(digest, r, v == 28 ? s | bytes32(uint256(1) << 255) : s);
    }

    function _requireUnearmarked(address holder, Account account, uint256 quantity) private pure {
        uint256 unearmarked = account.unearmarked();
        if (quantity > unearmarked) revert ERC20InsufficientBalance(holder, unearmarked, quantity);
    }
}
