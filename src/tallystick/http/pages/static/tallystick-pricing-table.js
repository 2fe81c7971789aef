// <tallystick-pricing-table src="https://prices.example/api/v1/plans?view=full">
//
// Draws a price list. No framework, no build step, no inline style: it works under a strict
// Content-Security-Policy and from any origin. What it wraps is shown until the prices are there,
// and stays where they cannot be loaded.
//
// Attributes  src    the price list; by default the one beside this file
//             theme  "light" or "dark"; by default the page's own color-scheme
// Event       tallystick-select {productId, planId, priceVariantId, custom}: a plan's button was
//             pressed; it bubbles, crosses shadow roots, and preventDefault() keeps a link from
//             being followed
// Theming     --tallystick-accent, -on-accent, -text, -muted, -line, -surface, -radius, -font,
//             -display-font; parts: switch, card, price, button
// Words       TallystickPricingTable.words, to be replaced before the element is drawn

const words = {
  interval: "Billing interval",
  loading: "Loading prices…",
  failed: "The prices could not be loaded.",
  retry: "Try again",
  none: "Nothing is sold here at the moment.",
  free: "Free",
  contact: "Contact us",
  startFree: "Start free",
  buy: "Buy",
  once: "once",
  usage: "plus usage",
  seat: "seat",
  unit: "unit",
  included: "included",
  notIncluded: "not included",
  unlimited: "Unlimited",
  oneTime: "One-time",
  byUse: "priced with each use",
  wholeQuantity: "the tier reached prices every unit",
  choose: (name) => `Choose ${name}`,
  trial: (days) => `${days}-day free trial`,
  startTrial: (days) => `Start ${days}-day trial`,
  setup: (price) => `plus ${price} once, to set up`,
  shown: (cadence) => `${cadence} prices are shown`,
  per: (unit) => `per ${unit}`,
  every: (count, unit) => `every ${count} ${unit}s`,
  everyLabel: (count, unit) => `Every ${count} ${unit}s`,
  upTo: (quantity) => `up to ${quantity}`,
  firstUnits: (quantity) => `first ${quantity}`,
  beyond: (quantity) => `beyond ${quantity}`,
  each: (price, unit) => `${price} per ${unit}`,
  packages: (price, size, unit) => `${price} per ${size} ${unit}`,
  then: (price) => `then ${price} each`,
  plus: (price) => `plus ${price}`,
  off: (share) => `${share} off`,
  atLeast: (price) => `at least ${price}`,
  atMost: (price) => `at most ${price}`,
  transaction: "transaction",
  cadences: { day: "Daily", week: "Weekly", month: "Monthly", quarter: "Quarterly", year: "Yearly" },
  resets: { billing_period: "per billing period" },
};

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --_accent: var(--tallystick-accent, light-dark(#1f5140, #a5d8bd));
  --_on-accent: var(--tallystick-on-accent, light-dark(#ffffff, #0f241b));
  --_text: var(--tallystick-text, light-dark(#1d1b18, #eeeae3));
  --_muted: var(--tallystick-muted, light-dark(#655f56, #aca598));
  --_line: var(--tallystick-line, light-dark(#e3ddd2, #35322d));
  --_surface: var(--tallystick-surface, light-dark(#fffefb, #1c1b19));
  --_radius: var(--tallystick-radius, 14px);
  --_font: var(--tallystick-font, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif);
  --_display: var(--tallystick-display-font, "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", "Noto Serif", Georgia, serif);
  display: block;
  container-type: inline-size;
  color: var(--_text);
  font: 1rem/1.55 var(--_font);
  text-align: start;
}
:host([hidden]) { display: none; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
*, *::before { box-sizing: border-box; }
h2, h3, p, ul, dl, dd, fieldset { margin: 0; padding: 0; border: 0; }
ul { list-style: none; }
.hidden {
  position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}
.status:not(:empty) { padding: 1.5rem; text-align: center; color: var(--_muted); }
.status button { margin-inline-start: .75rem; }

fieldset { min-inline-size: 0; display: flex; justify-content: center; margin-block-end: 2.75rem; }
.segments {
  display: flex; flex-wrap: wrap; justify-content: center; gap: .25rem; padding: .25rem;
  border: 1px solid var(--_line); border-radius: 2rem; background: var(--_surface);
}
.segments label { position: relative; cursor: pointer; }
.segments input { position: absolute; inset: 0; margin: 0; opacity: 0; cursor: pointer; }
.segments span {
  display: block; padding: .4rem 1.15rem; border-radius: 2rem; color: var(--_muted);
  font-size: .9375rem; transition: background-color .18s, color .18s;
}
.segments input:hover + span { color: var(--_text); }
.segments input:checked + span { background: var(--_accent); color: var(--_on-accent); }

.cards { display: flex; flex-wrap: wrap; justify-content: center; gap: 1.5rem; }
.card {
  flex: 1 1 min(100%, 15.25rem); max-inline-size: 25rem; min-inline-size: 0;
  display: flex; flex-direction: column; padding: 2rem;
  border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_surface);
  overflow-wrap: anywhere;
}
.card.highlighted { border-color: var(--_accent); box-shadow: inset 0 0 0 1px var(--_accent); }
.head { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .25rem .75rem; }
h2 { font: 500 1.375rem/1.3 var(--_display); }
.badge {
  padding: .1rem .6rem; border-radius: 1rem; border: 1px solid var(--_accent);
  color: var(--_accent); font-size: .75rem; letter-spacing: .02em;
}
.about { margin-block-start: .4rem; color: var(--_muted); font-size: .9375rem; }
.offer { margin-block-start: 1.5rem; }
.offer + .offer { margin-block-start: 1.75rem; padding-block-start: 1.5rem; border-block-start: 1px solid var(--_line); }
h3 { font: 500 .875rem/1.4 var(--_font); color: var(--_muted); }
.price { display: flex; flex-wrap: wrap; align-items: baseline; column-gap: .55rem; }
.amount {
  font: 400 2.75rem/1.15 var(--_display); letter-spacing: -.02em;
  font-variant-numeric: lining-nums tabular-nums;
}
.amount.words { font-size: 2rem; line-height: 1.58; letter-spacing: -.01em; }
.per, .note { color: var(--_muted); font-size: .9375rem; }
.note { margin-block-start: .35rem; }
.button, .status button {
  display: block; inline-size: 100%; margin-block-start: 1.35rem; padding: .7rem 1rem;
  border: 1px solid var(--_accent); border-radius: calc(var(--_radius) * .7);
  background: transparent; color: var(--_accent); font: 500 1rem/1.4 var(--_font);
  text-align: center; text-decoration: none; cursor: pointer;
  transition: background-color .18s, color .18s;
}
.status button { display: inline-block; inline-size: auto; margin-block-start: 0; padding-block: .35rem; }
.highlighted .button, .button:hover, .status button:hover { background: var(--_accent); color: var(--_on-accent); }
.highlighted .button:hover { text-decoration: underline; text-underline-offset: .2em; }
.button:focus-visible, .status button:focus-visible, .segments input:focus-visible + span {
  outline: 2px solid var(--_accent); outline-offset: 3px;
}
.lines { margin-block-start: 1.35rem; font-size: .9375rem; }
.lines dt { font-weight: 500; }
.lines dt + dd { margin-block-start: .1rem; }
.lines dd + dt { margin-block-start: .8rem; }
.lines dd { color: var(--_muted); font-variant-numeric: tabular-nums; }
.features {
  margin-block-start: 1.75rem; padding-block-start: 1.5rem; border-block-start: 1px solid var(--_line);
  display: grid; gap: .6rem; font-size: .9375rem;
}
.features li { position: relative; padding-inline-start: 1.65rem; display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 1rem; }
.features li::before {
  content: ""; position: absolute; inset-inline-start: .3rem; inset-block-start: .32em;
  inline-size: .38em; block-size: .75em; border: solid var(--_accent); border-width: 0 1.5px 1.5px 0;
  transform: rotate(45deg);
}
.features .out { color: var(--_muted); }
.features .out::before { inset-inline-start: .15rem; inset-block-start: .75em; inline-size: .7em; block-size: 0; border-color: var(--_muted); border-width: 0 0 1.5px; transform: none; }
.features .value { color: var(--_muted); font-variant-numeric: tabular-nums; }
@container (max-width: 26rem) {
  .card { padding: 1.5rem; }
  .amount { font-size: 2.375rem; }
  .segments { border-radius: 1.25rem; }
  .segments span { padding-inline: .8rem; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media (forced-colors: active) {
  .segments input:checked + span, .highlighted .button {
    forced-color-adjust: none; background: Highlight; color: HighlightText;
  }
}
`);

const MONTHS = { month: 1, year: 12 };
const DAYS = { day: 1, week: 7 };
const SAFE = new Set(["http:", "https:", "mailto:"]);
const PATIENCE = 20_000;

/** Make an element; texts go in as text, never as markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set a catalogue's text apart, so that its direction does not turn what stands around it. */
const own = (text) => make("bdi", {}, text);

/** What a cadence means, so that a year and twelve months are one. */
function cadenceKey(plan) {
  if (!plan.interval) return null;
  const count = plan.intervalCount ?? 1;
  return plan.interval in MONTHS ? `m${MONTHS[plan.interval] * count}` : `d${DAYS[plan.interval] * count}`;
}

function cadenceLabel(plan) {
  if (!plan.interval) return words.oneTime;
  const count = plan.intervalCount ?? 1;
  const name = { m1: "month", m3: "quarter", m12: "year", d1: "day", d7: "week" }[cadenceKey(plan)];
  return name ? words.cadences[name] : words.everyLabel(count, plan.interval);
}

/** A custom plan's cadence says nothing to a reader, unless it was given a name of its own. */
const nameOf = (plan) => (plan.custom && plan.name === cadenceLabel(plan) ? null : plan.name);
const isFree = (plan) => !plan.custom && plan.price === 0 && !plan.priceVariantId && !plan.prices?.length;
const primaryOf = (plan) => plan.prices?.find((line) => line.type === "flat") ?? plan.prices?.[0];
const isUsage = (line) => line && line.type !== "flat" && line.type !== "per_seat";

/** A link a catalogue may lead to; anything but http, https and mailto is dropped. */
function safeHref(text) {
  if (typeof text !== "string") return null;
  try {
    const url = new URL(text, document.baseURI);
    return SAFE.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** How numbers and money are written for the reader; for display only, nothing is reckoned. */
class Figures {
  constructor(locale, currency) {
    this.locale = locale;
    this.currency = currency;
  }

  number(value) {
    return this.#format(value, { maximumFractionDigits: 12 }) ?? String(value);
  }

  money(value) {
    const options = { style: "currency", currency: this.currency };
    const shape = Number.isInteger(value) ? { minimumFractionDigits: 0 } : { maximumFractionDigits: 12 };
    return this.#format(value, { ...options, ...shape }) ?? `${value} ${this.currency}`;
  }

  #format(value, options) {
    for (const locale of [this.locale, undefined]) {
      try {
        return new Intl.NumberFormat(locale, options).format(value);
      } catch {
        // An unknown language or currency: the next try, or the plain figure, is good enough.
      }
    }
    return null;
  }
}

/** Say in words what a line charges, one sentence for each tier. */
function sentences(line, figures) {
  const unit = line.unit || (line.type === "per_seat" ? words.seat : words.unit);
  const said = [];
  for (const free of [line.included, line.freeTransactions]) {
    if (free) said.push(`${words.firstUnits(figures.number(free))}: ${words.included}`);
  }
  if (line.freeVolume) said.push(`${words.firstUnits(figures.money(line.freeVolume))}: ${words.included}`);
  if (line.tiers) said.push(...tierSentences(line, unit, figures));
  else said.push(rateSentence(line, unit, figures));
  if (line.discountPercent) said.push(words.off(`${figures.number(line.discountPercent)} %`));
  if (line.discountAmount) said.push(words.off(figures.money(line.discountAmount)));
  if (line.minimumSpend) said.push(words.atLeast(figures.money(line.minimumSpend)));
  if (line.maximumSpend) said.push(words.atMost(figures.money(line.maximumSpend)));
  return said;
}

function rateSentence(line, unit, figures) {
  if (line.type === "package") return words.packages(figures.money(line.cost), figures.number(line.packageSize), unit);
  if (line.type === "dynamic") return words.byUse;
  if (line.type === "percentage") {
    const fixed = line.fixed ? ` ${words.plus(figures.money(line.fixed))}` : "";
    const bounds = [
      line.minimumPerTransaction ? words.atLeast(figures.money(line.minimumPerTransaction)) : null,
      line.maximumPerTransaction ? words.atMost(figures.money(line.maximumPerTransaction)) : null,
    ];
    const charge = `${figures.number(line.percent)} %${fixed} ${words.per(words.transaction)}`;
    return [charge, ...bounds].filter(Boolean).join(", ");
  }
  if (line.type === "flat") return figures.money(line.cost);
  return words.each(figures.money(line.cost), unit);
}

function tierSentences(line, unit, figures) {
  const volume = line.type === "volume" || line.tiersMode === "volume";
  const said = line.tiers.map((tier, index) => {
    const before = line.tiers[index - 1]?.upTo;
    const bound = tier.upTo !== null ? words.upTo(figures.number(tier.upTo))
      : before !== undefined ? words.beyond(figures.number(before)) : null;
    const costs = [];
    const share = tier.percent ? `${figures.number(tier.percent)} %` : null;
    const rate = tier.cost ? words.each(figures.money(tier.cost), unit) : share;
    if (rate || !tier.flatCost) costs.push(rate ?? words.included);
    if (tier.flatCost) costs.push(costs.length ? words.plus(figures.money(tier.flatCost)) : figures.money(tier.flatCost));
    return (bound ? `${bound}: ` : "") + costs.join(" ");
  });
  return volume && line.tiers.length > 1 ? [...said, `(${words.wholeQuantity})`] : said;
}

export class TallystickPricingTable extends HTMLElement {
  static observedAttributes = ["src"];
  static words = words;

  #root = this.attachShadow({ mode: "open" });
  #status = make("div", { class: "status", role: "status" });
  #said = make("p", { class: "hidden", role: "status" });
  #drawn = make("div");
  #products = [];
  #names = new Map();
  #cadence = null;
  #request = null;

  connectedCallback() {
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.replaceChildren(this.#status, make("slot"), this.#drawn, this.#said);
    this.#load();
  }

  disconnectedCallback() {
    this.#request?.abort();
  }

  attributeChangedCallback(name, before, after) {
    if (this.isConnected && before !== after && this.#request) this.#load();
  }

  /** Ask for the prices again. */
  reload() {
    return this.#load();
  }

  async #load() {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    const patience = setTimeout(() => request.abort("timeout"), PATIENCE);
    this.setAttribute("aria-busy", "true");
    this.#status.replaceChildren(this.childElementCount ? "" : words.loading);
    try {
      const beside = new URL("../api/v1/plans?view=full", import.meta.url);
      const source = this.getAttribute("src");
      const url = source ? new URL(source, document.baseURI) : beside;
      const response = await fetch(url, { signal: request.signal, credentials: "omit" });
      const body = await response.json();
      if (!response.ok || body.ok !== true) throw new Error(body.error?.message ?? response.status);
      if (request === this.#request) this.#show(body.data.products);
    } catch (error) {
      if (request === this.#request && this.isConnected) this.#fail(error);
    } finally {
      clearTimeout(patience);
      if (request === this.#request) this.removeAttribute("aria-busy");
    }
  }

  #fail() {
    const again = make("button", { type: "button" }, words.retry);
    again.addEventListener("click", () => this.#load());
    this.#status.replaceChildren(make("span", {}, words.failed), again);
    if (!this.#root.querySelector("slot")) this.#drawn.before(make("slot"));
    this.#drawn.replaceChildren();
  }

  #show(products) {
    this.#products = products;
    this.#names = featureNames(products);
    const cadences = new Map();
    for (const plan of products.flatMap((product) => product.plans)) {
      const key = cadenceKey(plan);
      if (key && !plan.custom && !isFree(plan) && !cadences.has(key)) cadences.set(key, cadenceLabel(plan));
    }
    if (!cadences.has(this.#cadence)) this.#cadence = cadences.keys().next().value ?? null;
    const cards = make("div", { class: "cards" });
    this.#status.replaceChildren(products.length ? "" : words.none);
    this.#root.querySelector("slot")?.remove();
    this.#drawn.replaceChildren(...(cadences.size > 1 ? [this.#switch(cadences, cards)] : []), cards);
    this.#drawCards(cards);
  }

  #switch(cadences, cards) {
    const segments = make("div", { class: "segments" });
    for (const [key, label] of cadences) {
      const radio = make("input", { type: "radio", name: "interval", value: key });
      radio.checked = key === this.#cadence;
      radio.addEventListener("change", () => {
        this.#cadence = key;
        this.#drawCards(cards);
        this.#said.textContent = words.shown(label);
      });
      segments.append(make("label", {}, radio, make("span", {}, label)));
    }
    return make("fieldset", { part: "switch" }, make("legend", { class: "hidden" }, words.interval), segments);
  }

  #drawCards(cards) {
    cards.replaceChildren(...this.#products.map((product, index) => this.#card(product, index)));
  }

  /** The plans of a product to show now: of the chosen cadence, or all where it has none. */
  #offers(product) {
    const always = (plan) => plan.custom || !plan.interval || isFree(plan);
    const shown = product.plans.filter((plan) => always(plan) || cadenceKey(plan) === this.#cadence);
    return shown.length ? shown : product.plans;
  }

  #card(product, index) {
    const locale = this.closest("[lang]")?.lang || undefined;
    const figures = new Figures(locale, product.currency);
    const offers = this.#offers(product);
    const badge = product.badge ?? offers.find((plan) => plan.badge)?.badge;
    const highlighted = product.highlighted || offers.some((plan) => plan.highlighted);
    return make(
      "article",
      { class: highlighted ? "card highlighted" : "card", part: "card", "aria-labelledby": `product-${index}` },
      make("div", { class: "head" },
        make("h2", { id: `product-${index}` }, own(product.name)),
        badge ? make("span", { class: "badge" }, own(badge)) : null),
      product.description ? make("p", { class: "about" }, own(product.description)) : null,
      ...offers.map((plan) => {
        const its = plan.currency ? new Figures(locale, plan.currency) : figures;
        return this.#offer(product, plan, offers.length > 1, its);
      }),
      features(product, offers[0], figures, this.#names),
    );
  }

  #offer(product, plan, named, figures) {
    const note = (text) => make("p", { class: "note" }, own(text));
    const strange = cadenceKey(plan) !== this.#cadence && plan.interval && !plan.custom && !isFree(plan);
    return make(
      "div",
      { class: "offer" },
      (named || strange) && nameOf(plan) ? make("h3", {}, own(plan.name)) : null,
      priceTag(plan, figures),
      plan.trialDays ? note(words.trial(plan.trialDays)) : null,
      plan.setupFee ? note(words.setup(figures.money(plan.setupFee))) : null,
      plan.description ? note(plan.description) : null,
      ...(plan.coupons ?? []).map(note),
      this.#button(product, plan),
      lines(plan, figures),
    );
  }

  #button(product, plan) {
    const label = plan.buttonLabel
      ?? (plan.custom ? words.contact
        : isFree(plan) ? words.startFree
        : plan.trialDays ? words.startTrial(plan.trialDays)
        : plan.interval ? words.choose(product.name) : words.buy);
    const name = [label, label.includes(product.name) ? null : product.name, nameOf(plan)].filter(Boolean).join(", ");
    const href = safeHref(plan.href);
    const shared = { class: "button", part: "button", "aria-label": name };
    const button = href ? make("a", { ...shared, href }, own(label)) : make("button", { ...shared, type: "button" }, own(label));
    button.addEventListener("click", (click) => {
      const detail = {
        productId: product.id, planId: plan.id, priceVariantId: plan.priceVariantId, custom: Boolean(plan.custom),
      };
      const event = new CustomEvent("tallystick-select", { detail, bubbles: true, composed: true, cancelable: true });
      if (!this.dispatchEvent(event)) click.preventDefault();
    });
    return button;
  }
}

function priceTag(plan, figures) {
  const tag = (amount, per, kind = "amount") =>
    make("p", { class: "price", part: "price" },
      make("span", { class: kind }, own(amount)), " ",
      per ? make("span", { class: "per" }, per) : null);
  if (plan.custom) return tag(plan.label ?? words.contact, null, "amount words");
  if (isFree(plan)) return tag(words.free, null, "amount words");
  const count = plan.intervalCount ?? 1;
  const primary = primaryOf(plan);
  const per = [
    primary?.type === "per_seat" ? words.per(words.seat) : null,
    !plan.interval ? words.once : count === 1 ? words.per(plan.interval) : words.every(count, plan.interval),
    isUsage(primary) ? words.usage : null,
  ];
  return tag(figures.money(plan.price), per.filter(Boolean).join(", "));
}

/** The lines beside the fee: what is metered, and seats that the price tag does not say whole. */
function lines(plan, figures) {
  const primary = primaryOf(plan);
  const told = (line) => line === primary && (line.type === "flat" || (line.type === "per_seat" && !line.tiers && !line.included));
  const rest = (plan.prices ?? []).filter((line) => !told(line));
  if (!rest.length) return null;
  return make("dl", { class: "lines" }, ...rest.flatMap((line) => [
    make("dt", {}, own(line.name || line.description || line.unit || line.meter || line.id)),
    ...sentences(line, figures).map((text) => make("dd", {}, own(text))),
  ]));
}

/** What features are called: a plan that gives no text for one borrows another plan's. */
function featureNames(products) {
  const names = new Map();
  for (const { limits = [] } of products.flatMap((product) => product.plans)) {
    for (const { featureKey, description } of limits) {
      if (description && !names.has(featureKey)) names.set(featureKey, description);
    }
  }
  return names;
}

/** The product's texts, then what the plan gives of each feature. */
function features(product, plan, figures, names) {
  const limits = plan?.limits ?? [];
  const named = new Set(limits.flatMap((limit) => [limit.description, limit.featureKey]));
  const texts = (product.features ?? []).filter((text) => !named.has(text));
  const items = [
    ...texts.map((text) => make("li", {}, own(text))),
    ...limits.map((limit) => featureItem(limit, figures, names)),
  ];
  return items.length ? make("ul", { class: "features", role: "list" }, ...items) : null;
}

function featureItem(limit, figures, names) {
  const value = [];
  if (!limit.enabled) value.push(words.notIncluded);
  else if (limit.limit === -1) value.push(words.unlimited);
  else if (limit.limit !== undefined) value.push(figures.number(limit.limit));
  if (limit.enabled && limit.limit >= 0 && limit.reset) value.push(words.resets[limit.reset] ?? words.per(limit.reset));
  const then = limit.enabled && limit.overagePrice ? words.then(figures.money(limit.overagePrice)) : null;
  return make("li", { class: limit.enabled ? null : "out" },
    own(limit.description || names.get(limit.featureKey) || limit.featureKey), " ",
    value.length || then ? make("span", { class: "value" }, own([value.join(" "), then].filter(Boolean).join(", "))) : null);
}

if (!customElements.get("tallystick-pricing-table")) {
  customElements.define("tallystick-pricing-table", TallystickPricingTable);
}
