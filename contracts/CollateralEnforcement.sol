// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "./interfaces/IDvP.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {CollateralBooks} from "./collateral/CollateralBooks.sol";
import {CollateralTypedData} from "./collateral/CollateralTypedData.sol";
import {Book, Cover} from "./collateral/Cover.sol";
import {Deadline} from "./libraries/Deadline.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {DvPState, LongStop} from "./libraries/DvPState.sol";
import {Proofs} from "./libraries/Proofs.sol";

/// @title The code that the collateral register runs for values, enforcement, title and the long stop
/// @notice Holds nothing and can do nothing by itself: the register's constructor makes it, and the register calls it
/// by delegatecall, on the register's storage and as the register. Apart only because both together are larger than a
/// contract of ours may be.
/// @dev Called directly it works on its own empty storage: there is no agreement and no pledge there.
contract CollateralEnforcement is CollateralBooks {
    using Deadline for uint40;
    using Deliveries for address;
    using Proofs for bytes;

    constructor(IDvP dvp_, IParticipantRegistry registry_) CollateralBooks(dvp_, registry_) {}

    // Values and cash

    /// @notice See {ICollateralRegister-value}.
    function value(Valuation calldata valuation, bytes calldata proof) external {
        bytes32 id = valuation.agreementId;
        Book storage book = _bookOf(id);
        proof.requireQuorum(id, _digest(CollateralTypedData.hashValuation(valuation)), 0, book.terms.valuers);
        book.accept(valuation);
    }

    /// @notice See {ICollateralRegister-recordCash}.
    function recordCash(Cash calldata cash, bytes calldata proof) external {
        bytes32 id = cash.agreementId;
        State storage state = _bookOf(id).state;
        uint32 epoch = _dvp.currentEpoch();
        if (cash.epoch != epoch) revert NotPresentEpoch(id, cash.epoch, epoch);
        proof.requireQuorum(id, _digest(CollateralTypedData.hashCash(cash)), epoch, _dvp.epochHash(epoch));
        _use(keccak256(abi.encode(id, cash.callId)));
        if (cash.pledgeId != 0) {
            if (_pledges[cash.pledgeId].agreementId != id) revert UnknownPledge(cash.pledgeId);
            // A payment to the taker pays no income: more than 64 bits can hold.
            _payIncome(cash.pledgeId, cash.amount < 0 ? uint64(uint256(-int256(cash.amount))) : type(uint64).max);
            emit CashRecorded(id, cash.callId, cash.amount, state.credit);
            return;
        }
        // Wider, as the least number has no opposite in 64 bits.
        int256 amount = cash.amount;
        Sale storage sale = _sales[cash.callId];
        if (sale.counted && _pledges[sale.pledgeId].agreementId == id) {
            if (sale.open) revert SaleNotEnded(cash.callId, _statusOf(cash.callId, sale));
            sale.counted = false;
            state.selling -= sale.price - sale.floor;
            int256 credited = int256(uint256(sale.floor));
            amount = amount > credited ? amount - credited : int256(0);
        }
        if (amount < 0) {
            uint64 back = uint64(uint256(-amount));
            if (back > state.credit) revert InsufficientCredit(id, state.credit, back);
            state.credit -= back;
        } else {
            // Within 63 bits.
            state.credit += uint64(uint256(amount));
        }
        emit CashRecorded(id, cash.callId, cash.amount, state.credit);
    }

    // Enforcement

    /// @notice See {ICollateralRegister-declareDefault}.
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

    /// @notice See {ICollateralRegister-endDefault}.
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

    /// @notice See {ICollateralRegister-appropriate}.
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

    /// @notice See {ICollateralRegister-setOff}.
    function setOff(bytes32 id, uint64 quantity) external {
        Pledge storage given = _pledgeOf(id);
        Book storage book = _books[given.agreementId];
        _requireActing(book.terms.taker);
        uint64 price = _credit(book, given, quantity);
        _meet(id, given, quantity);
        emit SetOff(id, quantity, price);
    }

    /// @notice See {ICollateralRegister-sell}.
    function sell(bytes32 id, IDvP.Order calldata order, bytes calldata buyerSignature, bytes32 previous) external {
        Pledge storage given = _pledgeOf(id);
        Book storage book = _books[given.agreementId];
        uint256 share = book.terms.saleFloor;
        if (share == 0) revert NotAgreed(given.agreementId);
        _requireActing(book.terms.taker);
        IDvP.Movement calldata movement = order.movement;
        uint64 quantity = movement.quantity;
        address token = given.token;
        bytes32 settlement = _dvp.settlementId(order);
        if (
            movement.seller != address(this) || movement.token != token || quantity == 0
                || order.terms.minimumLot != 0 || _sales[settlement].pledgeId != 0
        ) revert NotForSale(id, settlement);
        address from = address(0);
        if (previous == 0) {
            given.selling += quantity;
            if (given.selling > given.quantity) {
                revert InsufficientPledge(id, given.quantity, given.selling);
            }
            _requireKept(id, given);
            from = _rootOf(given).holder;
        } else {
            Sale storage earlier = _endedSale(previous, IDvP.Status.GivenBack);
            if (earlier.pledgeId != id || earlier.quantity != quantity) revert NotForSale(id, previous);
            (earlier.open, earlier.counted) = (false, false);
            book.state.selling -= earlier.price;
            emit SaleEnded(id, previous, false);
        }
        uint64 price = _priceWithinDue(book, given, quantity);
        book.state.selling += price;
        uint64 floor = uint64(price * share / Cover.MILLION);
        _sales[settlement] = Sale(id, quantity, price, floor, movement.nonce, true, true);
        emit SaleStarted(id, settlement, quantity, price);
        if (from != address(0)) token.settleEarmark(from, address(this), quantity);
        // It answers the id, which is known.
        // slither-disable-next-line unused-return
        _dvp.lock(order, "", buyerSignature);
    }

    /// @notice See {ICollateralRegister-endSale}.
    function endSale(bytes32 settlement) external {
        Sale storage sale = _sales[settlement];
        IDvP.Status status = _statusOf(settlement, sale);
        bool settled = status == IDvP.Status.Settled;
        // What is not Settled has to be GivenBack.
        // slither-disable-next-line unused-return
        if (!settled) _endedSale(settlement, IDvP.Status.GivenBack);
        (bytes32 id, uint64 quantity) = (sale.pledgeId, sale.quantity);
        Pledge storage given = _pledges[id];
        Book storage book = _books[given.agreementId];
        sale.open = false;
        given.selling -= quantity;
        emit SaleEnded(id, settlement, settled);
        if (settled) {
            uint64 floor = sale.floor;
            book.state.credit += floor;
            book.state.selling -= floor;
            _shrink(id, given, quantity);
            // Who held them has lost them.
            // slither-disable-next-line unused-return
            _lose(given, quantity);
            return;
        }
        sale.counted = false;
        book.state.selling -= sale.price;
        address token = given.token;
        address holder = _rootOf(given).holder;
        if (!ISecurityToken(token).transfer(holder, quantity)) revert NotRestored(settlement);
        token.makeEarmark(holder, _heirOf(book.terms.taker), quantity);
    }

    // Income

    /// @notice See {ICollateralRegister-recordIncome}.
    function recordIncome(Income calldata income, bytes calldata proof) external {
        bytes32 id = income.pledgeId;
        bytes32 agreementId = _pledgeOf(id).agreementId;
        bytes32 digest = _digest(CollateralTypedData.hashIncome(income));
        proof.requireQuorum(agreementId, digest, 0, _books[agreementId].terms.valuers);
        _use(keccak256(abi.encode(id, income.incomeId)));
        _incomeOwed[id] += income.owed;
        emit IncomeRecorded(id, income.incomeId, income.recordDate, income.entitled, income.owed);
    }

    /// @notice See {ICollateralRegister-acknowledgeIncome}.
    function acknowledgeIncome(bytes32 id, uint64 amount) external {
        _requireActing(_books[_pledgeOf(id).agreementId].terms.giver);
        _payIncome(id, amount);
    }

    // Title

    /// @notice See {ICollateralRegister-returnUnits}.
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

    /// @notice See {ICollateralRegister-recordTitle}.
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

    /// @notice See {ICollateralRegister-recordReturn}.
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

    /// @notice See {ICollateralRegister-proposeLongStop}.
    function proposeLongStop(bytes32 id) external {
        address officer = _dvp.officer();
        if (_actor() != officer) revert IDvP.NotInRole(_actor(), officer);
        Pledge storage given = _pledgeOf(id);
        uint40 from = given.until + DvPState.GRACE;
        if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
        from = _longStopFrom(id);
        if (from != 0 && !_isDefeated(given.agreementId, from)) revert IDvP.AlreadyProposed(id, from);
        from = DvPState.CHALLENGE.fromNow();
        _longStops[id] = LongStop(from, _dvp.currentEpoch());
        emit LongStopProposed(id, from);
    }

    /// @notice See {ICollateralRegister-confirmLongStop}.
    function confirmLongStop(bytes32 id) external {
        address confirmer = _dvp.confirmer();
        if (_actor() != confirmer) revert IDvP.NotInRole(_actor(), confirmer);
        Pledge storage given = _pledgeOf(id);
        uint40 from = _longStopFrom(id);
        if (from == 0) revert IDvP.NotProposed(id, 0);
        if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
        if (_isDefeated(given.agreementId, from)) {
            State storage state = _books[given.agreementId].state;
            revert StillOwed(given.agreementId, state.exposure, state.credit);
        }
        uint64 quantity = given.quantity - given.selling;
        _shrink(id, given, quantity);
        _free(id, given, quantity);
    }

    // What the calls above share

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

    function _payIncome(bytes32 id, uint64 amount) private {
        uint64 owed = _incomeOwed[id];
        if (amount > owed) revert InsufficientClaim(id, owed, amount);
        _incomeOwed[id] = owed - amount;
        emit IncomePaid(id, amount, owed - amount);
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
        price = _priceWithinDue(book, given, quantity);
        book.state.credit += price;
    }

    /// @dev The price of units, which is within what is owed and not about to be paid by a sale; enforcement may begin.
    function _priceWithinDue(Book storage book, Pledge storage given, uint64 quantity)
        private
        view
        returns (uint64 price)
    {
        bytes32 agreementId = given.agreementId;
        State storage state = book.state;
        uint40 from = state.enforceFrom;
        if (from == 0) revert NoDefault(agreementId);
        if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
        book.requireFresh(agreementId);
        uint256 met = uint256(state.credit) + state.selling;
        uint256 due = state.exposure > met ? state.exposure - met : 0;
        uint256 full = book.priceOfUp(agreementId, given.token, quantity);
        if (full > due) revert ExceedsExposure(agreementId, full, due);
        // Within what is owed, which is 64 bits.
        price = uint64(full);
    }

    /// @dev An open sale whose settlement ended so.
    function _endedSale(bytes32 settlement, IDvP.Status expected) private view returns (Sale storage sale) {
        sale = _sales[settlement];
        IDvP.Status status = _statusOf(settlement, sale);
        if (status != expected) revert SaleNotEnded(settlement, status);
    }

    function _statusOf(bytes32 settlement, Sale storage sale) private view returns (IDvP.Status) {
        if (!sale.open) revert UnknownSale(settlement);
        return _dvp.statusOfSettlement(settlement, address(this), sale.nonce);
    }

    function _rootOf(Pledge storage given) private view returns (Pledge storage root) {
        root = given;
        // At most MAX_DEPTH times.
        while (root.parent != 0) root = _pledges[root.parent];
    }

    /// @dev The settlement that `order` is, used up; it is to be Settled, and between these two or their heirs.
    function _settled(bytes32 id, IDvP.Order calldata order, address seller, address buyer)
        private
        returns (bytes32 settlement)
    {
        IDvP.Movement calldata movement = order.movement;
        settlement = _dvp.settlementId(order);
        IDvP.Status status = _dvp.statusOfSettlement(settlement, movement.seller, movement.nonce);
        if (
            status != IDvP.Status.Settled || _heirOf(movement.seller) != _heirOf(seller)
                || _heirOf(movement.buyer) != _heirOf(buyer)
        ) revert NotThisSettlement(id, settlement, status);
        _use(settlement);
    }

    /// @dev Whether a valuation as of the proposal of a long stop, or later, shows a debt.
    function _isDefeated(bytes32 agreementId, uint40 longStop) private view returns (bool) {
        State storage state = _books[agreementId].state;
        return state.valuedAt >= longStop - DvPState.CHALLENGE && state.exposure > state.credit;
    }
}
