"use strict";
// Everything shown is put into the page as text, never as markup; the server's policy forbids the rest.

const POLL_MILLISECONDS = 2000;
const KEPT = "lockstep-rtgs-key";
const at = (id) => document.getElementById(id);

let key = "";
let paused = false;
let timer = 0;
let asked = 0;
let knowsNoFaults = false;
let last = { messages: [] };
const drawn = {};

// --- elements

function cell(text, style, tag = "td") {
  const made = document.createElement(tag);
  if (tag === "th") made.scope = "row";
  if (style) made.className = style;
  made.append(text === null || text === undefined ? "" : text);
  return made;
}

function line(...cells) {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

function nothing(columns, text) {
  const made = cell(text, "none");
  made.colSpan = columns;
  return line(made);
}

// Draws a part only when it changed, so that focus, selection and scrolling stay where they are.
function draw(id, facts, rows) {
  const now = JSON.stringify(facts);
  if (drawn[id] === now) return;
  drawn[id] = now;
  const body = at(id);
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.reference : undefined;
  body.replaceChildren(...rows());
  if (focused) {
    const again = [...body.querySelectorAll("button")].find((one) => one.dataset.reference === focused);
    if (again) again.focus();
  }
}

// --- words

function grouped(amount) {
  const [whole, fraction] = String(amount).split(".");
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? digits : `${digits}.${fraction}`;
}

const isNegative = (amount) => String(amount).startsWith("-");
const isZero = (amount) => /^-?0*(\.0*)?$/.test(String(amount));
const clock = (instant) => (instant ? instant.slice(11, 19) : "");

function when(instant) {
  if (!instant) return "";
  const today = last.day && last.day.now.slice(0, 10) === instant.slice(0, 10);
  return today ? clock(instant) : `${instant.slice(0, 10)} ${clock(instant)}`;
}

function money(amount, mayLack = false) {
  const short = isNegative(amount) && !mayLack;
  return cell(grouped(amount), short ? "n short" : isZero(amount) ? "n none" : "n");
}

const PRIORITY = { URGENT: "bad", HIGH: "warn" };
const SAID = { RJCT: "bad", CANC: "bad", RJCR: "bad", ACSC: "good", CNCL: "good", PDNG: "warn" };

// --- parts

function showDay(desk) {
  const day = desk.day;
  at("bic").textContent = desk.bic;
  at("date").textContent = day.date || "none open";
  at("phase").textContent = day.phase;
  at("clock").textContent = `${day.now.slice(0, 10)} ${clock(day.now)}`;
  const counts = Object.entries(desk.counts).map(([state, count]) => `${count} ${state.toLowerCase()}`);
  at("counts").textContent = counts.join(", ") || "none";
  draw("cutoffs", day.cut_offs, () =>
    day.cut_offs.map((one) =>
      line(
        cell(one.kind.toLowerCase(), "", "th"),
        cell(one.taken ? "taken" : "not taken", one.taken ? "good" : "bad"),
        cell(one.until ? when(one.until) : day.zone ? "not this day" : "when the operator closes"),
      ),
    ),
  );
  const phases = day.phases.map((one) => `${one.name} from ${one.starts}`);
  at("timetable").textContent = day.zone
    ? `${phases.join("; ")}; closes ${day.closes} (${day.zone})`
    : "No timetable: the operator opens and closes.";
}

function showAccounts(accounts) {
  draw("accounts", accounts, () =>
    accounts.length === 0
      ? [nothing(9, "No accounts.")]
      : accounts.map((one) => {
          const made = line(
            cell(one.number, "id", "th"), cell(one.owner, "id"), cell(one.currency), money(one.posted, one.technical),
            money(one.earmarked), one.technical ? cell("") : money(one.credit_limit),
            one.technical ? cell("technical", "n none") : money(one.available),
            one.technical ? cell("") : money(one.reserved_urgent), one.technical ? cell("") : money(one.reserved_high),
          );
          if (one.technical) made.className = "faint";
          return made;
        }),
  );
}

function showQueue(queue, today) {
  at("queue-count").textContent = queue.waiting ? `${queue.waiting} waiting` : "";
  draw("queue", [queue, today], () => {
    if (queue.queues.length === 0) return [nothing(11, "Nothing waits.")];
    return queue.queues.flatMap((one) => {
      const head = cell(
        `${one.account} · ${one.owner} · ${one.waiting} waiting, ${grouped(one.value)} ${one.currency}`, "", "th");
      head.colSpan = 11;
      head.scope = "rowgroup";
      const group = line(head);
      group.className = "group";
      const rows = one.payments.map((payment, index) =>
        line(
          cell(String(index + 1), "n"), cell(payment.priority.toLowerCase(), PRIORITY[payment.priority]),
          cell(payment.kind.toLowerCase()), money(payment.amount), cell(payment.currency),
          cell(payment.creditor_account, "id"), cell(payment.uetr, "id"), cell(when(payment.entered_at)),
          cell(when(payment.not_before)), cell(when(payment.pay_by)), cell(payment.reason, "why"),
        ),
      );
      const more = one.waiting - rows.length;
      return [group, ...rows, ...(more > 0 ? [nothing(11, `${more} more are not shown`)] : [])];
    });
  });
}

function showHeld(held, today) {
  at("held-count").textContent = held.held ? `${held.held}, each waits for ${held.quorum} of ${held.agents.length} agents` : "";
  draw("held", [held, today], () => {
    if (held.payments.length === 0) return [nothing(8, "Nothing is held.")];
    const rows = held.payments.map((payment) => {
      const releases = cell(`${payment.releases.length} of ${held.quorum}`, "", "th");
      const named = document.createElement("div");
      named.className = "none";
      named.textContent = payment.releases.join(" ");
      releases.append(named);
      return line(
        releases, money(payment.amount), cell(payment.currency), cell(payment.debtor_account, "id"),
        cell(payment.creditor_account, "id"), cell(payment.uetr, "id"), cell(when(payment.entered_at)),
        cell(when(payment.pay_by)),
      );
    });
    const more = held.held - rows.length;
    return more > 0 ? [...rows, nothing(8, `${more} more are not shown`)] : rows;
  });
}

function showMessages() {
  const wanted = at("filter").value.trim().toLowerCase();
  const fits = (one) =>
    [one.type, one.from, one.to, one.id, one.status, one.direction].some((word) => word && word.toLowerCase().includes(wanted));
  const found = wanted ? last.messages.filter(fits) : last.messages;
  draw("messages", [wanted, found, last.day && last.day.now.slice(0, 10)], () =>
    found.length === 0
      ? [nothing(7, last.messages.length ? "None of the newest has that." : "No message yet.")]
      : found.map((one) => {
          const open = document.createElement("button");
          open.type = "button";
          open.className = "link id";
          open.dataset.reference = one.reference;
          open.textContent = one.id || one.reference;
          open.addEventListener("click", () => showMessage(one));
          return line(
            cell(when(one.at)), cell(one.direction), cell(one.type, "id"), cell(one.from, "id"), cell(one.to, "id"),
            cell(one.status, SAID[one.status] || ""), cell(open),
          );
        }),
  );
}

function showFaults(faults) {
  const section = at("faults-section");
  section.hidden = !(faults && faults.plan);
  if (section.hidden) return;
  const { plan, mail, arrivals } = faults;
  at("faults-state").textContent =
    `Set by ${faults.set_by} at ${when(faults.set_at)}, seed ${plan.seed}. Out: ${mail.waiting} waiting, ${mail.lost} lost. ` +
    `In: ${arrivals.waiting} waiting, ${arrivals.lost} lost.`;
  draw("faults", faults, () =>
    plan.rules.map((rule, index) => {
      const { kind, ...terms } = rule;
      const uses = faults.uses.filter((one) => one.rule === index + 1);
      const sum = (name) => String(uses.reduce((total, one) => total + one[name], 0));
      const said = Object.entries(terms).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${value}`);
      return line(
        cell(String(index + 1), "n"), cell(kind, "", "th"), cell(said.join(", ") || "everything"),
        cell(sum("seen"), "n"), cell(sum("struck"), "n"),
      );
    }),
  );
}

// --- one message

function indented(xml) {
  let depth = 0;
  return xml
    .replace(/>\s*</g, ">\n<")
    .split("\n")
    .map((row) => {
      if (row.startsWith("</")) depth -= 1;
      const shown = "  ".repeat(Math.max(depth, 0)) + row;
      if (/^<[^/?!]/.test(row) && !row.endsWith("/>") && !/<\/[^>]+>$/.test(row)) depth += 1;
      return shown;
    })
    .join("\n");
}

async function showMessage(one) {
  const answer = await ask(`desk/message?${new URLSearchParams({ reference: one.reference })}`);
  if (!answer) return;
  at("message-title").textContent = `${one.type || "unknown type"} from ${one.from} to ${one.to}, ${when(one.at)}`;
  at("xml").textContent = indented(answer.message);
  at("message").showModal();
}

// --- talking to the door

function say(text, isBad = false) {
  const state = at("state");
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("bad", isBad);
}

async function ask(path) {
  try {
    const answer = await fetch(`/operator/${path}`, {
      headers: { Authorization: `Bearer ${key}` }, cache: "no-store", credentials: "omit",
    });
    if (answer.status === 401) {
      lock("This key is not the operator’s.");
      return null;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return await answer.json();
  } catch (error) {
    say(`No answer from the RTGS (${error.message}); what is shown may be old.`, true);
    return null;
  }
}

// Not every RTGS misbehaves on purpose: one that knows no faults says so with 422.
async function askFaults() {
  if (knowsNoFaults) return null;
  try {
    const answer = await fetch("/operator/faults", {
      headers: { Authorization: `Bearer ${key}` }, cache: "no-store", credentials: "omit",
    });
    knowsNoFaults = answer.status === 422;
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function poll() {
  clearTimeout(timer);
  const mine = ++asked;
  const [desk, faults] = await Promise.all([ask("desk?limit=200"), askFaults()]);
  if (mine !== asked || !key) return;
  if (desk) {
    last = desk;
    const today = desk.day.now.slice(0, 10);
    at("now").hidden = at("desk").hidden = at("controls").hidden = false;
    at("door").hidden = true;
    showDay(desk);
    showAccounts(desk.accounts);
    showQueue(desk.queue, today);
    showHeld(desk.held, today);
    showMessages();
    showFaults(faults);
    say(paused ? "paused" : "live");
    document.title = `RTGS desk ${desk.bic}`;
  }
  again();
}

function again() {
  clearTimeout(timer);
  if (key && !paused && !document.hidden) timer = setTimeout(poll, POLL_MILLISECONDS);
}

function lock(why) {
  key = "";
  asked += 1;
  clearTimeout(timer);
  sessionStorage.removeItem(KEPT);
  for (const id of Object.keys(drawn)) {
    delete drawn[id];
    at(id).replaceChildren();
  }
  last = { messages: [] };
  at("xml").textContent = at("faults-state").textContent = "";
  if (at("message").open) at("message").close();
  at("now").hidden = at("desk").hidden = at("controls").hidden = true;
  at("door").hidden = false;
  at("key").value = "";
  at("key").focus();
  say(why, Boolean(why));
}

function unlock(given) {
  key = given;
  knowsNoFaults = false;
  sessionStorage.setItem(KEPT, key);
  say("asking the RTGS");
  poll();
}

at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  unlock(at("key").value.trim());
  at("key").value = "";
});
at("leave").addEventListener("click", () => lock(""));
at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  say(paused ? "paused" : "live");
  if (!paused) poll();
});
at("filter").addEventListener("input", showMessages);
at("close").addEventListener("click", () => at("message").close());
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : key && !paused && poll()));

// A key after # is not sent to any server; it is taken out of the address, and so out of the history.
const fragment = new URLSearchParams(location.hash.slice(1)).get("key");
if (fragment !== null) history.replaceState(null, "", location.pathname);
const first = fragment || sessionStorage.getItem(KEPT) || "";
if (first) unlock(first);
else lock("");
