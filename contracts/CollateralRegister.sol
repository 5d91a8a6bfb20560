// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICollateralRegister} from "./interfaces/ICollateralRegister.sol";
import {IDvP} from "./interfaces/IDvP.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {CollateralTypedData} from "./libraries/CollateralTypedData.sol";
import {Book, Cover} from "./libraries/Cover.sol";
import {Deadline} from "./libraries/Deadline.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {DvPState, LongStop} from "./libraries/DvPState.sol";
import {Proofs} from "./libraries/Proofs.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Collateral: pledges in place, re-use, enforcement, title transfer
/// @dev Read in this order: agreements; pledges; values and cash; enforcement; title; long stop; acts by signature.
contract CollateralRegister is ICollateralRegister {
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
    IDvP public immutable dvp;

    /// @inheritdoc ICollateralRegister
    IParticipantRegistry public immutable registry;

    uint256 private immutable _chainId;

    mapping(bytes32 agreementId => Book) private _books;
    mapping(bytes32 pledgeId => Pledge) private _pledges;
    mapping(bytes32 pledgeId => LongStop) private _longStops;

    /// @dev Digests of amendments, payments by agreement, settlements that moved title: each counts once.
    mapping(bytes32 id => bool) private _used;

    /// @dev Bit `nonce % 256` of word `nonce / 256` of a party.
    mapping(address party => mapping(uint256 word => uint256)) private _nonces;

    /// @param dvp_ whose roles, agents and settlements count here.
    /// @param registry_ who says which wallet is another's heir.
    constructor(IDvP dvp_, IParticipantRegistry registry_) {
        dvp = dvp_;
        registry = registry_;
        _chainId = block.chainid;
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
        bytes calldata giverSignature,
        bytes calldata takerSignature
    ) external {
        Agreement storage terms = _bookOf(id).terms;
        if (
            next.giver != terms.giver || next.taker != terms.taker || next.mode != terms.mode
                || next.currency != terms.currency
        ) revert NotAmendable(id);
        bytes32 digest = _digest(CollateralTypedData.hashAmendment(id, next));
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
        uint64 limit = _limitOf(parent, parent.quantity);
        uint64 kept = parent.recalled < parent.quantity ? parent.quantity - parent.recalled : 0;
        if (kept < limit) limit = kept;
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

    // Values and cash

    /// @inheritdoc ICollateralRegister
    function value(Valuation calldata valuation, bytes calldata proof) external {
        bytes32 id = valuation.agreementId;
        Book storage book = _bookOf(id);
        proof.requireQuorum(id, _digest(CollateralTypedData.hashValuation(valuation)), 0, book.terms.valuers);
        book.accept(valuation);
    }

    /// @inheritdoc ICollateralRegister
    function recordCash(Cash calldata cash, bytes calldata proof) external {
        bytes32 id = cash.agreementId;
        State storage state = _bookOf(id).state;
        uint32 epoch = dvp.currentEpoch();
        if (cash.epoch != epoch) revert NotPresentEpoch(id, cash.epoch, epoch);
        proof.requireQuorum(id, _digest(CollateralTypedData.hashCash(cash)), epoch, dvp.epochHash(epoch));
        _use(keccak256(abi.encode(id, cash.callId)));
        if (cash.amount < 0) {
            // Also of the least number, which has no opposite in 64 bits.
            uint64 back = uint64(uint256(-int256(cash.amount)));
            if (back > state.credit) revert InsufficientCredit(id, state.credit, back);
            state.credit -= back;
        } else {
            state.credit += uint64(cash.amount);
        }
        emit CashRecorded(id, cash.callId, cash.amount, state.credit);
    }

    // Enforcement

    /// @inheritdoc ICollateralRegister
    function declareDefault(bytes32 agreementId) external {
        Book storage book = _bookOf(agreementId);
        Agreement storage terms = book.terms;
        _requireActing(terms.taker);
        if (book.state.enforceFrom != 0) revert InDefault(agreementId, book.state.enforceFrom);
        book.requireFresh(agreementId);
        (uint256 needed, uint256 covered) = book.compare(true);
        if (needed <= covered) revert Covered(agreementId, needed, covered);
        uint40 from = (uint40(terms.noticePeriod) + terms.curePeriod).fromNow();
        book.state.enforceFrom = from;
        emit DefaultDeclared(agreementId, from);
    }

    /// @inheritdoc ICollateralRegister
    function endDefault(bytes32 agreementId) external {
        Book storage book = _bookOf(agreementId);
        if (book.state.enforceFrom == 0) revert NoDefault(agreementId);
        if (_actor() != _heirOf(book.terms.taker)) {
            book.requireFresh(agreementId);
            (uint256 needed, uint256 covered) = book.compare(true);
            if (needed > covered) revert NotCovered(agreementId, needed, covered);
        }
        book.state.enforceFrom = 0;
        emit DefaultEnded(agreementId, _actor());
    }

    /// @inheritdoc ICollateralRegister
    function appropriate(bytes32 id, uint64 quantity) external {
        Pledge storage given = _pledgeOf(id);
        Book storage book = _books[given.agreementId];
        if (!book.terms.appropriation) revert NotAgreed(given.agreementId);
        address taker = _requireActing(book.terms.taker);
        uint64 price = _credit(book, given, quantity);
        _shrink(id, given, quantity);
        emit Appropriated(id, quantity, price);
        Pledge storage root = _lose(given, quantity);
        root.token.settleEarmark(root.holder, taker, quantity);
    }

    /// @inheritdoc ICollateralRegister
    function setOff(bytes32 id, uint64 quantity) external {
        Pledge storage given = _pledgeOf(id);
        Book storage book = _books[given.agreementId];
        _requireActing(book.terms.taker);
        uint64 price = _credit(book, given, quantity);
        _meet(id, given, quantity);
        emit SetOff(id, quantity, price);
    }

    // Title

    /// @inheritdoc ICollateralRegister
    function returnUnits(bytes32 id, uint64 quantity) external {
        Pledge storage given = _pledgeOf(id);
        Agreement storage terms = _books[given.agreementId].terms;
        address taker = _requireActing(terms.taker);
        address giver = _heirOf(terms.giver);
        _meet(id, given, quantity);
        emit Returned(id, quantity, 0);
        address token = given.token;
        token.makeEarmark(taker, giver, quantity);
        token.settleEarmark(taker, giver, quantity);
    }

    /// @inheritdoc ICollateralRegister
    function recordTitle(bytes32 agreementId, IDvP.Order calldata order) external returns (bytes32 id) {
        Book storage book = _bookOf(agreementId);
        Agreement storage terms = book.terms;
        _requireActing(terms.taker);
        if (terms.mode != Mode.TitleTransfer) revert WrongMode(agreementId, terms.mode);
        _requireSameChain(agreementId);
        IDvP.Movement calldata movement = order.movement;
        bytes32 settlement = _settled(agreementId, order, terms.giver, terms.taker);
        id = _createRoot(book, agreementId, movement.token, movement.quantity, settlement, movement.seller, settlement);
    }

    /// @inheritdoc ICollateralRegister
    function recordReturn(bytes32 id, IDvP.Order calldata order) external {
        Pledge storage given = _pledgeOf(id);
        Agreement storage terms = _books[given.agreementId].terms;
        _requireActing(terms.giver);
        bytes32 settlement = _settled(id, order, terms.taker, terms.giver);
        if (order.movement.token != given.token) revert NotThisSettlement(id, settlement, IDvP.Status.Settled);
        _meet(id, given, order.movement.quantity);
        emit Returned(id, order.movement.quantity, settlement);
    }

    // Long stop

    /// @inheritdoc ICollateralRegister
    function proposeLongStop(bytes32 id) external {
        address officer = dvp.officer();
        if (_actor() != officer) revert IDvP.NotInRole(_actor(), officer);
        Pledge storage given = _pledgeOf(id);
        uint40 from = given.until + GRACE;
        if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
        from = longStopFrom(id);
        if (from != 0 && !_valuedSince(given.agreementId, from)) revert IDvP.AlreadyProposed(id, from);
        from = CHALLENGE.fromNow();
        _longStops[id] = LongStop(from, dvp.currentEpoch());
        emit LongStopProposed(id, from);
    }

    /// @inheritdoc ICollateralRegister
    function confirmLongStop(bytes32 id) external {
        address confirmer = dvp.confirmer();
        if (_actor() != confirmer) revert IDvP.NotInRole(_actor(), confirmer);
        Pledge storage given = _pledgeOf(id);
        uint40 from = longStopFrom(id);
        if (from == 0) revert IDvP.NotProposed(id, 0);
        if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
        if (_valuedSince(given.agreementId, from)) {
            revert ValuersAlive(given.agreementId, _books[given.agreementId].state.valuedAt);
        }
        uint64 quantity = given.quantity;
        _shrink(id, given, quantity);
        _free(id, given, quantity);
    }

    // Acts by signature

    /// @inheritdoc ICollateralRegister
    function run(Act[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            Act calldata act = acts[i];
            if (act.party != _actor()) {
                if (act.by.hasPassed()) revert ActExpired(act.party, act.nonce, act.by);
                _useNonce(act.party, act.nonce);
                bytes32 digest = _digest(CollateralTypedData.hashAct(act));
                if (!act.party.isFrom(digest, act.signature)) revert ActNotSigned(act.party, act.nonce);
            }
            // All or none: one refusal is meant to undo the rest.
            // slither-disable-next-line low-level-calls,calls-loop
            (bool done, bytes memory answer) = address(this).call(abi.encodePacked(act.call, act.party));
            if (!done) _revertWith(answer);
        }
    }

    /// @inheritdoc ICollateralRegister
    function burnNonce(uint256 nonce) external {
        _useNonce(_actor(), nonce);
    }

    // Views

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
        LongStop memory stop = _longStops[id];
        return stop.from != 0 && stop.epoch == dvp.currentEpoch() ? stop.from : 0;
    }

    /// @inheritdoc ICollateralRegister
    function pledgeIdOf(bytes32 agreementId, bytes32 parent, address token, bytes32 salt)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(agreementId, parent, token, salt));
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
        if (agreement.reuseCap > Cover.MILLION) revert ReuseCapTooHigh(id, agreement.reuseCap, uint24(Cover.MILLION));
        if (agreement.maxDepth > MAX_DEPTH) revert DepthTooGreat(id, agreement.maxDepth, MAX_DEPTH);
        uint40 limit = MAX_TERM.fromNow();
        if (agreement.until.hasPassed() || agreement.until > limit) revert BadTerm(id, agreement.until, limit);
        _requireSigned(digest, _heirOf(agreement.giver), giverSignature);
        _requireSigned(digest, _heirOf(agreement.taker), takerSignature);
        _books[id].terms = agreement;
        emit Agreed(id, agreement);
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
    ) private returns (bytes32 id) {
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

    function _store(Pledge memory made, bytes32 salt) private returns (bytes32 id) {
        id = pledgeIdOf(made.agreementId, made.parent, made.token, salt);
        if (_pledges[id].agreementId != 0) revert PledgeExists(id);
        _pledges[id] = made;
    }

    /// @dev Takes `quantity` out of what is pledged, and out of what its parent's taker pledged on.
    function _shrink(bytes32 id, Pledge storage given, uint64 quantity) private {
        if (quantity == 0) revert NoQuantity(id);
        uint64 before = given.quantity;
        if (quantity > before) revert InsufficientPledge(id, before, quantity);
        uint64 rest = before - quantity;
        uint64 limit = _limitOf(given, rest);
        if (given.reused > limit) revert ReuseExceeded(id, given.reused, limit);
        given.quantity = rest;
        given.recalled = given.recalled > quantity ? given.recalled - quantity : 0;
        if (given.parent != 0) _pledges[given.parent].reused -= quantity;
        _books[given.agreementId].remove(given.token, quantity);
    }

    /// @dev Units of a root leave the lane; those of others stay their parents'.
    function _free(bytes32 id, Pledge storage given, uint64 quantity) private {
        emit Released(id, quantity);
        if (given.parent == 0) ISecurityToken(given.token).releaseEarmark(given.holder, quantity);
    }

    /// @dev `quantity` units that `given` held are gone: each pledge above loses them, and its taker owes as many.
    function _lose(Pledge storage given, uint64 quantity) private returns (Pledge storage root) {
        root = given;
        // At most MAX_DEPTH times.
        while (root.parent != 0) {
            bytes32 id = root.parent;
            root = _pledges[id];
            // What was pledged on was held; the child's share of `reused` was taken off with the child, the others'
            // are one link up.
            root.quantity -= quantity;
            root.owed += quantity;
            if (root.parent != 0) _pledges[root.parent].reused -= quantity;
            emit EquivalentOwed(id, quantity);
        }
    }

    /// @dev Units that the taker owed are met: given, or set off.
    function _meet(bytes32 id, Pledge storage given, uint64 quantity) private {
        if (quantity == 0) revert NoQuantity(id);
        uint64 owed = given.owed;
        if (quantity > owed) revert InsufficientPledge(id, owed, quantity);
        given.owed = owed - quantity;
        _books[given.agreementId].remove(given.token, quantity);
    }

    /// @dev Credits the giver with the price of units that enforcement takes, if it may.
    function _credit(Book storage book, Pledge storage given, uint64 quantity) private returns (uint64 price) {
        bytes32 agreementId = given.agreementId;
        State storage state = book.state;
        uint40 from = state.enforceFrom;
        if (from == 0) revert NoDefault(agreementId);
        if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
        book.requireFresh(agreementId);
        uint256 due = state.exposure > state.credit ? state.exposure - state.credit : 0;
        uint256 full = book.priceOfUp(agreementId, given.token, quantity);
        if (full > due) revert ExceedsExposure(agreementId, full, due);
        // Within what is owed, which is 64 bits.
        price = uint64(full);
        state.credit += price;
    }

    function _use(bytes32 id) private {
        if (_used[id]) revert AlreadyUsed(id);
        _used[id] = true;
    }

    function _useNonce(address party, uint256 nonce) private {
        uint256 bit = 1 << (nonce & 0xff);
        uint256 word = _nonces[party][nonce >> 8];
        if (word & bit != 0) revert ActUsed(party, nonce);
        _nonces[party][nonce >> 8] = word | bit;
        emit NonceUsed(party, nonce);
    }

    /// @dev The settlement that `order` is, used up; it is to be Settled, and between these two or their heirs.
    function _settled(bytes32 id, IDvP.Order calldata order, address seller, address buyer)
        private
        returns (bytes32 settlement)
    {
        IDvP.Movement calldata movement = order.movement;
        settlement = dvp.settlementId(order);
        IDvP.Status status = dvp.statusOfSettlement(settlement, movement.seller, movement.nonce);
        if (
            status != IDvP.Status.Settled || _heirOf(movement.seller) != _heirOf(seller)
                || _heirOf(movement.buyer) != _heirOf(buyer)
        ) revert NotThisSettlement(id, settlement, status);
        _use(settlement);
    }

    function _requireSigned(bytes32 digest, address party, bytes calldata signature) private view {
        if (!party.isFrom(digest, signature)) revert IDvP.InvalidSignature(digest, party);
    }

    function _requireSameChain(bytes32 id) private view {
        if (block.chainid != _chainId) revert IDvP.ChainChanged(id, block.chainid, _chainId);
    }

    /// @dev `party`, or its heir, acts: nobody else.
    function _requireActing(address party) private view returns (address acting) {
        acting = _heirOf(party);
        if (_actor() != acting) revert NotActing(_actor(), acting);
    }

    /// @dev Whose act this call is. This contract calls itself only in {run}, which ends the calldata with the party;
    /// of no token does it call a function that it has itself.
    function _actor() private view returns (address) {
        return msg.sender == address(this) ? address(bytes20(msg.data[msg.data.length - 20:])) : msg.sender;
    }

    function _heirOf(address wallet) private view returns (address) {
        return registry.heirOf(wallet);
    }

    function _valuedSince(bytes32 agreementId, uint40 longStop) private view returns (bool) {
        return _books[agreementId].state.valuedAt >= longStop - CHALLENGE;
    }

    function _bookOf(bytes32 id) private view returns (Book storage book) {
        book = _books[id];
        if (book.terms.giver == address(0)) revert UnknownAgreement(id);
    }

    function _pledgeOf(bytes32 id) private view returns (Pledge storage given) {
        given = _pledges[id];
        if (given.agreementId == 0) revert UnknownPledge(id);
    }

    /// @dev Whatever chain this is called now: what is signed for one does not count on the other.
    function _digest(bytes32 structHash) private view returns (bytes32) {
        return TypedData.digest(CollateralTypedData.domain(address(this)), structHash);
    }

    /// @dev A pledge as its agreement has it: no link above, title not yet thought of.
    function _new(bytes32 agreementId, address token, uint64 quantity, Agreement storage terms)
        private
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
    function _limitOf(Pledge storage given, uint64 quantity) private view returns (uint64) {
        // The cap is at most the whole.
        return uint64(uint256(quantity) * given.reuseCap / Cover.MILLION);
    }

    function _revertWith(bytes memory reason) private pure {
        // Solidity has no name for ending in another's error.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
