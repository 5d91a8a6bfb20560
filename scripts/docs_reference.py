"""Write docs/reference/cli.md from the `lockstep` command itself; --check only compares.

python scripts/docs_reference.py
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"

HEAD = """\
# The `lockstep` command

*Written by `scripts/docs_reference.py` from the command itself: change the command's own words, then run the script.*

The command is in `.venv/bin` after `make demo`. `--help` after any command says the same as this page.

It exits with 0; with 1 and one line on standard error for a failure that has a name (see [errors](errors.md));
with 1 also where `demo` or `simulate` finds a broken invariant or figure, where `submit` or `rebuild` had a file
refused and where `verify-deployment` or `verify` finds something that failed, and where `anchor` shows a root that is
missing or not the journal's; with 2 for wrong arguments, where
`verify-deployment` could compare nothing, where `verify` cannot read a file, and where `simulate` has no pyrevm to run
on.
"""

TAIL = """\
## What `--json` prints

| command | object |
|---|---|
| `demo` | `{"trades": [row…], "files": [file…], "invariants": {"I1": true, …}, "violations": {…}, "seconds": n}` |
| `demo collateral` | `{"steps": [{"name", "at", "figures": {name: text}, "wrong": {name: text}}…], \
"inventory", "cash", "invariants", "violations", "seconds"}` |
| `demo reconcile` | `{"days": [{"day", "mirrored": {reference: outcome}, "past_the_service", "found": [{"planted": \
[n…], "book", "subject", "name", "class", "cause", "differs"}…], "set_apart", "silent", \
"closed": {break: reason}, "acts", "wrong"}…], "scorecard": {scope: {figure: text}}, "wrong_figures", "stages", \
"gates", "never_found", "breaks", "open", "anchored": {day: root}, "invariants", "violations", "seconds"}` |
| `simulate` | `{"seeds": n, "steps": n, "faults": {…}, "ended": {state: n}, "violations": [failed…], "hashes": {…}}` |
| `up` | one object a line: `{"event", "detail"}` |
| `submit` | `{"files": [file…]}` |
| `rebuild` | `{"trades": {"SETTLED": n, …}, "waiting": n, "without_instructions": [left…], \
"of_register": [left…], "files": {outcome: n}, "refused": [file…], "mail": n, "seconds": n}` |
| `decide-never` | `{"settlement_id", "decided": "never"}` |
| `run` | `{"states": {"SETTLED": n, …}}`, once it stops |
| `anchor` | `{"contract", "by", "keys": [address…], "days": [{"day", "size", "root", "journal", "standing", \
"leads"}…], "others": {journal: day}}`; `leads` with `--check` |
| `anchorer propose`, `confirm`, `stop` | `{"anchorer", "allowed", "transaction"}`; the first two also `done` |
| `anchorer accept-other` | `{"day", "accepted", "size"}` |
| `trades` | `{"halted": true or false, "reorganisations": [reorganisation…], "trades": [row…]}` |
| `trade` | `{"halted", "reorganisations", "trade": row, "timeline": [{"at", "leg", "what", "detail"}…]}` |
| `inventory` | `{"block", "at", "final", "positions": [position…], "pledges": [pledge…], "attempts": [attempt…]}` |
| `collateral open` | `{"agreement", "giver", "taker", "outcome"}` |
| `collateral list` | `{"agreements": [agreement…]}` |
| `collateral show` | an agreement with its figures, or a pledge with its history |
| `collateral offer` | `{"settlement", "pledge", "file"}` |
| `collateral income` | `{"pledge", "income", "signature": [hex…], "outcome"}` |
| `collateral sign` | what it is of, `outcome`, `acts` |
| `collateral end-sale` | `{"settlement", "outcome"}` |
| `collateral pay-income` | a register payment |
| `collateral payments` | `{"payments": [register payment…]}` |
| `collateral` and any other act | what it is of (`pledge`, `agreement`, `settlement`), `outcome`, `final`, `acts` |
| `margin call`, `answer`, `pay`, `deliver`, `give-back`, `resolve`, `withdraw` | a margin call |
| `margin show` | a margin call, with `history`: `[{"at", "kind", "facts"}…]` |
| `margin list` | `{"calls": [margin call…]}` |
| `margin reckon` | `{"currency", "exposure", "required", "collateral", "cash", "held", "delivery", "return", \
"reason", "securities": [security…], "limits": [text…]}` |
| `enforcement begin`, `sell`, `withdraw` | an enforcement |
| `enforcement show` | an enforcement, with `history` as above |
| `enforcement list` | `{"enforcements": [enforcement…]}` |
| `reconcile breaks`, `assign`, `comment`, `close`, `reopen` | `{"breaks": [break…]}` |
| `reconcile show` | a break, with all that is known of it |
| `reconcile propose`, `approve`, `reject` | a correction |
| `repo open`, `reprice`, `roll`, `top-up`, `return`, `substitute`, `terminate` | a repo |
| `repo show` | `{"repos": [repo…]}` |
| `repo run` | `{"states": {id: state, …}, "errors": {id: error, …}}` |
| `repo close` | `{"notice", "securities", "repurchasePrice", "net", "payer", "closedOut"}` |
| `repo selection` | `{"method", "cost", "currency", "purchasePrice", "securities": [security…]}`, always |
| `evidence` | `{"file", "bytes", "trade_id", "settlement_id", "outcome", "proven": [claim…], "open": [claim…]}` |
| `verify` | `{"holds": true, "trade_id", "settlement_id", "outcome", "proven", "open"}`, or `{"holds": false, "link", \
"reason"}`; a claim is `{"link", "text"}` |
| `verify-deployment` | `{"sound": true, "findings": [{"verdict", "field", "expected", "found", "event"}…]}` |
| `rtgs serve` | `{"url"}`, once it listens |
| `why-not` | `{"passes": true, "refusal": refusal or null}` |
| `explain-refusal` | a refusal |
| `rtgs close-day` | `{"day"}`, null where none was open |
| `rtgs accounts` | `{"accounts": [account…]}` |
| `rtgs payments` | `{"payments": [payment…], "counts": {"BOOKED": n, …}}` |
| `rtgs queue` | `{"waiting": n, "queues": [queue…], "held": held}`; `held` only without an account |
| `rtgs day` | a day |
| `rtgs statement` | a statement |
| `rtgs messages` | `{"messages": [message…]}` |
| `rtgs message` | `{"reference", "message"}` |
| `rtgs faults` | `{"plan", "number", "set_at", "set_by", "uses", "mail", "arrivals"}`; `plan` null: none in force |
| `long-stop …` | a stop |
| `rotation …` | a rotation |
| `security …`, `forced-transfer …`, `recovery …` | what was done to what, `done` (false: proposed), `transaction` |
| `key new` | `{"keystore", "address"}` |
| `valuer run --once` | `{agreement: what came of it}` |

`faults` counts by kind, `hashes` has the journal hash of each seed;
a *failed* seed is `{"seed", "violations": [text…]}`.

A *row* has `id`, `state`, `reason` (null where there is none), `deliverer`, `receiver`, `reference` (the deliverer's),
`isin`, `quantity`, `cash`, `currency`, `settlement_id`, `uetr`, `lock_tx`, `settle_tx` (what ended the lock: delivery
or give-back), `gas` (of all its transactions) and `times`. Amounts are decimal text, times ISO 8601 in UTC.

A *position* has `participant` (its BIC), `name`, `isin`, `network` (the chain's id), `owned`, `free`, `earmarked`,
`in_settlement`, `pledged`, `selling` (of these, out for sale), `received`, `reused`, `reusable`, `due_in`, `due_out`
(units owed), `frozen`, `account_frozen`, `attempts` and `over_committed`; a *pledge* `pledge`, `agreement`, `kind`
(`pledge`, `re-pledge` or `title`), `isin`, `network`, `giver`, `taker`, `held_by` (in whose account the units are; null
where they are only owed), `quantity`, `reused`, `reusable`, `recalled`, `selling`, `due`, `depth`, `parent` (null for a
root) and `until`; an *attempt* `participant`, `isin`, `network`, `refusal`, `actual`, `needed` and `block`. Units are
decimal text.

An *agreement* has `agreement`, `giver`, `taker`, `mode`, `currency`, `until`, its `exposure`, `required`, `credit` and
`cover`, and `inDefault`; shown alone also its terms (`reuseCap` and `saleFloor` in parts of a million), `missing`,
`owed`, `surplus`, `selling`, `valuedAt`, `fresh`, `default` (null, or `enforceableAfter` and `enforceable`),
`securities` (`isin`, `quantity`, `price` for 1,000,000 base units, `haircut`, `value`, `counts`), `pledges` (as in
`inventory`) and `incomeOwed` by pledge; a pledge shown alone `releasable`, `incomeOwed`, `longStopFrom` and `history`.
A *register payment* has `payment` (its id), `kind` (`income` or `sale`), `stage` (`OPEN`, `COUNTED`, `GIVEN_BACK` or
`LAPSED`), `agreement`, `pledge`, `income` (null of a sale), `amount`, `currency`, `debtor`, `creditor`, `attempt` and
`reason` (why it waits).
`outcome` is `done`, `done before` (nothing was sent), `written` (to a file) or `looked at`; `acts` have `party`, `does`
and `nonce`.

A *margin call* has `call`, `agreement`, `caller`, `called`, `is_return`, `state`, `currency`, `amount`, `agreed` (null
until it is answered), `disputed`, `delivered`, `open`, `collateral` (the kinds taken; null where no message said),
`issued_at`, `deliver_by`, `cure_by`, `decided_at`, `reason`, `payment` (null, or `amount`, `attempt`, `pay_by`,
`counted`), `bonds` (each `name`, `isin`, `quantity`, `pledge`, `state`, `expected`, `value`, `reason`) and `waits`, why
it does; a reckoned *security* `isin`, `quantity`, `value`, `rule` and `haircut`, or why it
is `refused`.

A *break* has `break` (its id), `days` (its age, business days of TARGET), `opened_on`, `class`, `book`, `key`,
`participants` (LEIs, or a book's accounts), `instrument`, `cause`, `rule`, `state`, `reason` (null while it is open),
`assignee`, `reopened` (how often it came back) and `told`, what was found, in one line; shown alone also `is_there`
(whether the last run that could tell found it), `difference` (what `close --seen` takes), `against`, `differences`
(`class`, `field`, `said`, `agreed`, `by`), `evidence` (`book`, `origin`, `says`), `notes` (`journal`, the entry's
number, `at`, `by`, `act`, `text`) and `corrections`. A *correction* has `correction` (its id), `break`, `state`,
`book`, `key`, `field`, `said`, `right`, `why`, `proposed_by`, `proposed_at`, `decided_by`, `decided_at` (null until
then) and `decided_why`. Figures are base and minor units.

An *enforcement* has `enforcement`, `agreement`, `call` (null where it is for none), `state` (OPEN, CURED or ENFORCED),
`currency`, `begun_at`, `declared`, `enforceable_after`, `appropriates`, `withdrawn`, `taken`, `left` (what was owed
still when it ended), `acts` (each `number`, `act`, `isin`, `quantity`, `pledge`, `settlement`, `sold`, `state`,
`value`, `reason`) and `reason`, why it waits or how it ended.

A *left* settlement has `settlement_id`, `units` (its status on the chain), `cash` (its payment's state) and what is
known of it: `trade_id`, `seller`, `buyer`, `isin`, `quantity` (in units), `pay_by`, `amount`, `debtor`, `creditor`,
`receiver_reference`, `settlement_date`, `also`.

An *account* has `number`, `owner`, `currency`, `technical`, `posted`, `earmarked`, `available`, `credit_limit`,
`reserved_urgent`, `reserved_high`, `standing_urgent` and `standing_high`; a *queue* `account`, `owner`, `currency`,
`waiting`, `value` and `payments`; *held* `held` (how many), `quorum`, `agents` and `payments`. A *day* has `now`,
`date` (null while none is open), `phase`, `phase_since`, `opened_at`, `last_closed`, `zone`, `phases`, `closes` and
`cut_offs` (`kind`, `taken`, `until`); a *statement* `account`, `currency`, `number` (null while its day is open),
`day`, `opening`, `entries`, `closing`, `since`, `issued_at` and, after `--write`, `files`; a *message* `reference`,
`at`, `direction`, `from`, `to`, `type`, `id` and `status`.

A *payment* has `number`, `uetr`, `kind`, `priority`, `state`, `reason`, `amount`, `currency`, both sides' BIC and
account, `instructing`, `message_id`, `settlement_id`, `settlement_date` and its moments; one that is held, in `queue`,
also `releases`, the agents that gave one.

A *stop* has `settlement_id`, `status`, `seller`, `token`, `units`, `proposable_after`, `confirmable_after` (null where
nothing was proposed) and, where something was sent, `transaction`.

A *rotation* is the next epoch, `epoch`, `agents`, `quorum`, `faulty`, `officer` and `confirmer`, with `transaction`
where something was sent; of `sign`, `signed_by` and `signature` (its file); of `propose`, `confirmable_after`.

A *refusal* has `name`, `meaning`, `details` (the error's fields) and `lines` for people. A command that a contract
refuses ends with 1 and the error's name, fields and meaning on standard error, with `--json` too.

A *file* has `file`, `outcome` (`instructed`, `cancellation asked`, `margin called`, `margin answered`, `duplicate` or
`refused`), `reference`, `error` and, where a value broke a rule or an id was taken, `field`, `value` and `rule`. `demo`
lists only those that were not simply taken.
"""


def page() -> str:
    """The whole page as text."""
    import typer.main

    from lockstep.cli.commands import app

    sections = [_section(name, command) for name, command in _leaves("lockstep", typer.main.get_command(app))]
    return "\n".join([HEAD, *sections, TAIL])


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its whole name, in the order in which help lists them."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for word, child in below.items():
        yield from _leaves(f"{name} {word}", child)


def _section(name: str, command: Any) -> str:
    shown = [one for one in command.params if one.name != "help"]
    usage = " ".join([name, *(_usage(one) for one in shown if one.param_type_name == "argument")])
    rows = [f"| {_names(one)} | {_default(one)} | {one.help} |" for one in shown]
    table = ["| argument or option | if absent | |", "|---|---|---|", *rows]
    return "\n".join([f"## `{usage}`", "", " ".join((command.help or "").split()), "", *table, ""])


def _usage(argument: Any) -> str:
    name = _metavar(argument) + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name).upper()


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_metavar(parameter)}`"
    return ", ".join(
        f"`{one}`" if parameter.is_flag else f"`{one} …`" for one in (*parameter.opts, *parameter.secondary_opts)
    )


def _default(parameter: Any) -> str:
    from_environment = f"`${parameter.envvar}`, else " if parameter.envvar else ""
    if parameter.required:
        return "required"
    if parameter.default is None or (parameter.param_type_name == "option" and parameter.is_flag):
        return "–"
    return f"{from_environment}`{parameter.default}`"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the page instead of writing it")
    given = parser.parse_args()
    text = page()
    if not given.check:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        print(f"{PAGE} is stale: python scripts/docs_reference.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
