"""A repo: opened by DvP, its securities replaced, closed."""

from lockstep.app.collateral_day.desk import Desk, Figures, par
from lockstep.app.collateral_day.files import Node
from lockstep.app.repo_files import percent
from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.valuation import market_value, units_for
from lockstep.domain.money import Money
from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.moves import substituted
from lockstep.domain.repo.pricing import price_by_haircut
from lockstep.domain.repo.terms import Lot, RepoTerms, repo_id
from lockstep.domain.rounding import PARTS, divide_down, share_text

__all__ = ["close_repo", "open_repo", "substitute"]


def open_repo(desk: Desk, node: Node) -> Figures:
    """Seller and buyer agree on a repo of one security, at its dirty price less the schedule's haircut."""
    terms, security = desk.terms(node), desk.security(node)
    units, haircut = desk.units(node, security), desk.haircut(desk.terms(node), security.isin)
    worth = market_value(units, desk.price(security), security.currency)
    price = price_by_haircut(worth, haircut)
    agreed = RepoTerms(
        repo_id=repo_id(node.text("repo"), field=f"{node.path}/repo"),
        agreement_id=desk.agreements[terms.name],
        seller=desk.party(terms.giver),
        buyer=desk.party(terms.taker),
        purchase_date=desk.now.date(),
        repurchase_date=node.day("repurchase"),
        purchase_price=price,
        rate=percent(node.text("rate"), field=f"{node.path}/rate"),
        basis=node.chosen("day_count", {one.value: one for one in DayCount}),
        lots=(Lot(number=1, isin=security.isin, units=units, price=price.amount),),
    )
    desk.repoing.open(agreed)
    desk.settle()
    repo = desk.repoing.require(agreed.repo_id)
    return {
        "clean": par(desk.clean(security.isin)),
        "accrued": par(desk.dirty(security.isin) - desk.clean(security.isin)),
        "market value": worth.text(),
        "haircut": share_text(haircut),
        "purchase price": price.text(),
        "state": repo.state.value,
        "owed by the buyer": desk.quantity(_owed(desk, repo), security),
    }


def _owed(desk: Desk, repo: Repo) -> int:
    titles = [one.pledge_id for one in repo.lots if one.pledge_id is not None]
    return sum(desk.pledge(one).owed for one in titles)


def substitute(desk: Desk, node: Node) -> Figures:
    """Other securities of at least the same market value in, then the repo's first lot out."""
    repo = desk.repoing.require(repo_id(node.text("repo")))
    old, new = repo.lots[0], desk.security(node)
    worth = market_value(old.units, desk.price(desk.market.security(old.isin)), new.currency)
    units = units_for(worth, desk.price(new), 0, lot=desk.units(node, new, "lot"))
    desk.repoing.change(
        repo.terms.repo_id, lambda one, now: substituted(one, old.number, old.units, new.isin, units, now)
    )
    desk.settle()
    after = desk.repoing.require(repo.terms.repo_id)
    bond = desk.day.bonds[old.isin].bond
    _, pays = bond.period(desk.now.date())
    coupon = divide_down(old.units * bond.coupon, PARTS * bond.frequency)
    return {
        "coupon on": pays.isoformat(),
        "coupon of the lot": Money(currency=new.currency, amount=coupon).text(),
        "old is worth": worth.text(),
        "new price with interest": par(desk.dirty(new.isin)),
        "new in": desk.quantity(after.lots[-1].units, new),
        "new is worth": market_value(after.lots[-1].units, desk.price(new), new.currency).text(),
        "old out": desk.quantity(old.units - after.lot(old.number).units, desk.market.security(old.isin)),
        "old owed": desk.quantity(after.lot(old.number).units, desk.market.security(old.isin)),
    }


def close_repo(desk: Desk, node: Node) -> Figures:
    """On the repurchase date the reverse trade settles, and the register records the return."""
    identity = repo_id(node.text("repo"))
    before = desk.repoing.require(identity)
    price = before.repurchase_price(desk.now.date())
    desk.settle()
    repo = desk.repoing.require(identity)
    return {
        "price differential": before.money(before.price_differential(desk.now.date())).text(),
        "repurchase price": price.text(),
        "state": repo.state.value,
        "owed by the buyer": str(_owed(desk, repo)),
    }
