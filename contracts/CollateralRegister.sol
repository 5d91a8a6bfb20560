// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CollateralEnforcement} from "./CollateralEnforcement.sol";
import {CollateralBooks} from "./collateral/CollateralBooks.sol";
import {ICollateralRegister} from "./interfaces/ICollateralRegister.sol";
import {IDvP} from "./interfaces/IDvP.sol";
import {IERC1271} from "./interfaces/IERC1271.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {CollateralTypedData} from "./collateral/CollateralTypedData.sol";
import {Book, Cover} from "./collateral/Cover.sol";
import {Deadline} from "./libraries/Deadline.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {DvPState} from "./libraries/DvPState.sol";
import {Proofs} from "./libraries/Proofs.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Collateral: pledges in place, re-use, enforcement, title transfer
/// @dev Read in this order: agreements; pledges; values and cash; enforcement; title; long stop; acts by signature.
contract CollateralRegister is CollateralBooks, ICollateralRegister {
    using Deadline for uint40;
    using Deliveries for address;
    using Proofs for bytes;
    using Signatures for address;

    /// @inheritdoc ICollateralRegister
    uint8 public constant MAX_DEPTH = 8;

    /// @inheritdoc ICollateralRegister
    uint40 public constant MAX_TERM = 3_660 days;

    /// @inheritdoc ICollateralRegister
    uint40 public constant GRACE = DvPState.GRACE;

    /// @inheritdoc ICollateralRegister
    uint40 public constant CHALLENGE = DvPState.CHALLENGE;

    /// @inheritdoc ICollateralRegister
    address public immutable enforcementCode;

    /// @dev Bit `nonce % 256` of word `nonce / 256` of a party. Behind all that the two halves share.
    mapping(address party => mapping(uint256 word => uint256)) private _nonces;

    /// @param dvp_ whose roles, agents and settlements count here.
    /// @param registry_ who says which wallet is another's heir.
    constructor(IDvP dvp_, IParticipantRegistry registry_) CollateralBooks(dvp_, registry_) {
        enforcementCode = address(new CollateralEnforcement(dvp_, registry_));
    }

    // Agreements

    /// @inheritdoc ICollateralRegister
    function open(Agreement calldata agreement, bytes calldata giverSignature, bytes calldata takerSignature)
        external
        returns (bytes32 id)
    {
        id = agreementIdOf(agreement);
        if (_books[id].terms.giver != address(0)) revert AgreementExists(id);
        _agree(id, id, agreement, giverSignature, takerSignature);
    }

    /// @inheritdoc ICollateralRegister
    function amend(
        bytes32 id,
        Agreement calldata next,
        uint40 by,
        bytes calldata giverSignature,
        bytes calldata takerSignature
    ) external {
        Agreement storage terms = _bookOf(id).terms;
        if (by.hasPassed()) revert AmendmentExpired(id, by);
        if (
            next.giver != terms.giver || next.taker != terms.taker || next.mode != terms.mode
                || next.currency != terms.currency
        ) revert NotAmendable(id);
        bytes32 digest = _digest(CollateralTypedData.hashAmendment(id, next, by));
        _use(digest);
        _agree(id, digest, next, giverSignature, takerSignature);
    }

    // Pledges

    /// @inheritdoc ICollateralRegister
    function pledge(bytes32 agreementId, address token, uint64 quantity, bytes32 salt) external returns (bytes32 id) {
        Book storage book = _bookOf(agreementId);
        address giver = _requireActing(book.terms.giver);
        address taker = _heirOf(book.terms.taker);
        _requireSameChain(agreementId);
        id = _createRoot(book, agreementId, token, quantity, salt, giver, 0);
        token.makeEarmark(giver, taker, quantity);
        if (book.terms.mode == Mode.TitleTransfer) token.settleEarmark(giver, taker, quantity);
    }

    /// @inheritdoc ICollateralRegister
    function repledge(bytes32 parentId, bytes32 agreementId, uint64 quantity, bytes32 salt)
        external
        returns (bytes32 id)
    {
        Pledge storage parent = _pledgeOf(parentId);
        Book storage book = _bookOf(agreementId);
        Agreement storage terms = book.terms;
        _requireActing(_books[parent.agreementId].terms.taker);
        _requireActing(terms.giver);
        if (terms.mode != Mode.SecurityInterest) revert WrongMode(agreementId, terms.mode);
        _requireSameChain(agreementId);
        if (parent.until.hasPassed()) revert TermEnded(parentId, block.timestamp, parent.until);
        if (parent.depth >= parent.maxDepth) revert DepthExceeded(parentId, parent.depth + 1, parent.maxDepth);

        address token = parent.token;
        Pledge memory child = _new(agreementId, token, quantity, terms);
        child.parent = parentId;
        child.depth = parent.depth + 1;
        uint8 reach = child.depth + terms.maxDepth;
        child.maxDepth = reach < parent.maxDepth ? reach : parent.maxDepth;
        if (parent.until < terms.until) child.until = parent.until;
        id = _store(child, salt);
        book.add(agreementId, token, quantity);
        parent.reused += quantity;
        _requireKept(parentId, parent);
        uint64 limit = parent.recalled < parent.quantity ? parent.quantity - parent.recalled : 0;
        if (parent.reused > limit) revert ReuseExceeded(parentId, parent.reused, limit);
        emit Pledged(id, agreementId, parentId, token, quantity, child.depth, child.until);

        address taker = _heirOf(terms.taker);
        if (!ISecurityToken(token).canReceive(taker)) revert TakerNotEligible(id, taker);
    }

    /// @inheritdoc ICollateralRegister
    function release(bytes32 id, uint64 quantity) external {
        Pledge storage given = _pledgeOf(id);
        _requireActing(_books[given.agreementId].terms.taker);
        _shrink(id, given, quantity);
        _free(id, given, quantity);
    }

    /// @inheritdoc ICollateralRegister
    function releaseExcess(bytes32 id, uint64 quantity) external {
        Pledge storage given = _pledgeOf(id);
        bytes32 agreementId = given.agreementId;
        Book storage book = _books[agreementId];
        _requireActing(book.terms.giver);
        book.requireFresh(agreementId);
        uint40 from = book.state.enforceFrom;
        if (from != 0 && !from.hasPassed()) revert InDefault(agreementId, from);
        _shrink(id, given, quantity);
        (uint256 needed, uint256 covered) = book.compare(false);
        if (covered < needed) revert NotCovered(agreementId, needed, covered);
        _free(id, given, quantity);
    }

    /// @inheritdoc ICollateralRegister
    function substitute(bytes32 oldPledge, uint64 quantity, address token, uint64 newQuantity, bytes32 salt)
        external
        returns (bytes32 id)
    {
        Pledge storage old = _pledgeOf(oldPledge);
        bytes32 agreementId = old.agreementId;
        Book storage book = _books[agreementId];
        address giver = _requireActing(book.terms.giver);
        _requireSameChain(agreementId);
        if (!book.terms.substitution) revert NotAgreed(agreementId);
        if (book.state.enforceFrom != 0) revert InDefault(agreementId, book.state.enforceFrom);
        book.requireFresh(agreementId);
        uint256 needed = book.worth(agreementId, old.token, quantity);
        uint256 brought = book.worth(agreementId, token, newQuantity);
        if (brought < needed) revert WorthLess(agreementId, brought, needed);

        id = _createRoot(book, agreementId, token, newQuantity, salt, giver, 0);
        _shrink(oldPledge, old, quantity);
        token.makeEarmark(giver, _heirOf(book.terms.taker), newQuantity);
        _free(oldPledge, old, quantity);
    }

    /// @inheritdoc ICollateralRegister
    function recall(bytes32 id, uint64 quantity, uint40 by) external {
        Pledge storage given = _pledgeOf(id);
        _requireActing(_books[given.agreementId].terms.giver);
        given.recalled = quantity;
        emit Recalled(id, quantity, by);
    }

    // The rest: enforcementCode's code, on this storage

    /// @inheritdoc ICollateralRegister
    function value(Valuation calldata valuation, bytes calldata proof) external {
        (valuation, proof);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function recordCash(Cash calldata cash, bytes calldata proof) external {
        (cash, proof);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function declareDefault(bytes32) external {
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function endDefault(bytes32) external {
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function appropriate(bytes32 pledgeId, uint64 quantity) external {
        (pledgeId, quantity);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function setOff(bytes32 pledgeId, uint64 quantity) external {
        (pledgeId, quantity);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function sell(bytes32 pledgeId, IDvP.Order calldata order, bytes calldata buyerSignature, bytes32 previous)
        external
    {
        (pledgeId, order, buyerSignature, previous);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function endSale(bytes32) external {
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function recordIncome(Income calldata income, bytes calldata proof) external {
        (income, proof);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function acknowledgeIncome(bytes32 pledgeId, uint64 amount) external {
        (pledgeId, amount);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function returnUnits(bytes32 pledgeId, uint64 quantity) external {
        (pledgeId, quantity);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function recordTitle(bytes32 agreementId, IDvP.Order calldata order) external returns (bytes32) {
        (agreementId, order);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function recordReturn(bytes32 pledgeId, IDvP.Order calldata order) external {
        (pledgeId, order);
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function proposeLongStop(bytes32) external {
        _runEnforcement();
    }

    /// @inheritdoc ICollateralRegister
    function confirmLongStop(bytes32) external {
        _runEnforcement();
    }

    // Acts by signature

    /// @inheritdoc ICollateralRegister
    function run(Act[] calldata acts) external {
        bytes32 together = togetherOf(acts);
        for (uint256 i = 0; i < acts.length; ++i) {
            Act calldata act = acts[i];
            if (act.party != _actor()) {
                if (act.by.hasPassed()) revert ActExpired(act.party, act.nonce, act.by);
                if (act.together != 0 && act.together != together) {
                    revert ActNotTogether(act.party, act.nonce, act.together, together);
                }
                _useNonce(act.party, act.nonce);
                bytes32 digest = _digest(CollateralTypedData.hashAct(act));
                if (!act.party.isFrom(digest, act.signature)) revert ActNotSigned(act.party, act.nonce);
            }
            bytes memory data = abi.encodePacked(act.call, act.party);
            // All or none: one refusal is meant to undo the rest. What comes back in the meantime finds its acts used.
            // slither-disable-next-line low-level-calls,calls-loop,reentrancy-no-eth,reentrancy-events
            (bool done, bytes memory answer) = address(this).call(data); // solhint-disable-line avoid-low-level-calls
            if (!done) _revertWith(answer);
        }
    }

    /// @inheritdoc ICollateralRegister
    function burnNonce(uint256 nonce) external {
        _useNonce(_actor(), nonce);
    }

    // Views

    /// @inheritdoc ICollateralRegister
    function dvp() external view returns (IDvP) {
        return _dvp;
    }

    /// @inheritdoc ICollateralRegister
    function registry() external view returns (IParticipantRegistry) {
        return _registry;
    }

    /// @inheritdoc ICollateralRegister
    function agreementOf(bytes32 id) external view returns (Agreement memory) {
        return _books[id].terms;
    }

    /// @inheritdoc ICollateralRegister
    function stateOf(bytes32 id) external view returns (State memory) {
        return _books[id].state;
    }

    /// @inheritdoc ICollateralRegister
    function pledgeOf(bytes32 id) external view returns (Pledge memory) {
        return _pledges[id];
    }

    /// @inheritdoc ICollateralRegister
    function tokensOf(bytes32 id) external view returns (address[] memory) {
        return _books[id].tokens;
    }

    /// @inheritdoc ICollateralRegister
    function positionOf(bytes32 id, address token)
        external
        view
        returns (uint64 held, uint64 price, uint24 haircut, uint40 pricedAt)
    {
        Book storage book = _books[id];
        return (
            book.holdings[token].held,
            book.holdings[token].price,
            book.holdings[token].haircut,
            book.holdings[token].pricedAt
        );
    }

    /// @inheritdoc ICollateralRegister
    function coverOf(bytes32 id) external view returns (uint256) {
        return _books[id].total();
    }

    /// @inheritdoc ICollateralRegister
    function isValidSignature(bytes32 hash, bytes calldata) external view returns (bytes4) {
        // For ever: DvP locks an order once, and asks of none that it has locked.
        return _sales[hash].pledgeId == 0 ? bytes4(0xffffffff) : IERC1271.isValidSignature.selector;
    }

    /// @inheritdoc ICollateralRegister
    function saleOf(bytes32 id) external view returns (Sale memory) {
        return _sales[id];
    }

    /// @inheritdoc ICollateralRegister
    function incomeOwedOf(bytes32 id) external view returns (uint64) {
        return _incomeOwed[id];
    }

    /// @inheritdoc ICollateralRegister
    function isNonceUsed(address party, uint256 nonce) external view returns (bool) {
        return (_nonces[party][nonce >> 8] >> (nonce & 0xff)) & 1 == 1;
    }

    /// @inheritdoc ICollateralRegister
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        // 0x0f: name, version, chain id and contract are used; salt and extensions are not.
        return (
            hex"0f",
            CollateralTypedData.NAME,
            CollateralTypedData.VERSION,
            block.chainid,
            address(this),
            bytes32(0),
            new uint256[](0)
        );
    }

    /// @inheritdoc ICollateralRegister
    function agreementIdOf(Agreement calldata agreement) public view returns (bytes32) {
        return _digest(CollateralTypedData.hashAgreement(agreement));
    }

    /// @inheritdoc ICollateralRegister
    function longStopFrom(bytes32 id) public view returns (uint40) {
        return _longStopFrom(id);
    }

    /// @inheritdoc ICollateralRegister
    function togetherOf(Act[] calldata acts) public pure returns (bytes32) {
        return CollateralTypedData.hashTogether(acts);
    }

    /// @inheritdoc ICollateralRegister
    function pledgeIdOf(bytes32 agreementId, bytes32 parent, address token, bytes32 salt)
        public
        pure
        returns (bytes32)
    {
        return _pledgeIdOf(agreementId, parent, token, salt);
    }

    // What the calls above share

    /// @param digest what both parties, or their heirs, signed.
    function _agree(
        bytes32 id,
        bytes32 digest,
        Agreement calldata agreement,
        bytes calldata giverSignature,
        bytes calldata takerSignature
    ) private {
        _requireSameChain(id);
        if (agreement.giver == agreement.taker) revert IDvP.SameParty(id, agreement.giver);
        uint24 share = agreement.reuseCap > agreement.saleFloor ? agreement.reuseCap : agreement.saleFloor;
        if (share > Cover.MILLION) revert ShareTooHigh(id, share, uint24(Cover.MILLION));
        if (agreement.maxDepth > MAX_DEPTH) revert DepthTooGreat(id, agreement.maxDepth, MAX_DEPTH);
        uint40 limit = MAX_TERM.fromNow();
        if (agreement.until.hasPassed() || agreement.until > limit) revert BadTerm(id, agreement.until, limit);
        _requireSigned(digest, _heirOf(agreement.giver), giverSignature);
        _requireSigned(digest, _heirOf(agreement.taker), takerSignature);
        _books[id].terms = agreement;
        emit Agreed(id, agreement);
    }

    function _useNonce(address party, uint256 nonce) private {
        uint256 bit = 1 << (nonce & 0xff);
        uint256 word = _nonces[party][nonce >> 8];
        if (word & bit != 0) revert ActUsed(party, nonce);
        _nonces[party][nonce >> 8] = word | bit;
        emit NonceUsed(party, nonce);
    }

    function _requireSigned(bytes32 digest, address party, bytes calldata signature) private view {
        if (!party.isFrom(digest, signature)) revert IDvP.InvalidSignature(digest, party);
    }

    function _revertWith(bytes memory reason) private pure {
        // Solidity has no name for ending in another's error.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    /// @dev Runs the call that was made to this contract with enforcementCode's code, and ends as it does.
    function _runEnforcement() private {
        address code = enforcementCode;
        // Solidity's delegatecall does not hand on what it answered. The code is this contract's own, from its
        // constructor, and never another.
        // slither-disable-next-line assembly
        assembly {
            // The call does not come back here: memory is all its own.
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(done) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}
