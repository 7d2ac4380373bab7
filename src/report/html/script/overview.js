// The overview of the chosen accounts and period.

const MOVERS = 5, EVENTS = 30;
const percent = share => {
  const tenths = Math.round(Math.abs(share) * 1000);
  const sign = tenths === 0 ? '' : share > 0 ? '+' : '−';
  return `${sign}${grouped.format(Math.floor(tenths / 10))}.${tenths % 10}\u00a0%`;
};
const toned = n => (n > 0 ? 'up' : n < 0 ? 'down' : 'soft');
// Abbreviates numbers from a billion on.
function large(n) {
  if (Math.abs(n) < 1e9) return grouped.format(n);
  const [unit, name] = Math.abs(n) < 1e12 ? [1e9, 'billion'] : [1e12, 'trillion'];
  return `${(Math.trunc(n / (unit / 100)) / 100).toFixed(2)}\u00a0${name}`;
}
const largeChange = n => (n < 0 ? '−' : n > 0 ? '+' : '') + large(Math.abs(n));
const accountsOf = (n, all = n) => `${n < all ? `${number(n)} of ` : ''}${number(all)} account${all === 1 ? '' : 's'}`;

const rowsByIndex = [];
const sections = [];
const linkOf = index => rowsByIndex[index].querySelector('a');
const nameOf = index => linkOf(index).textContent;
const anchorOf = index => linkOf(index).getAttribute('href').slice(1);
const tagsOf = index => (rowsByIndex[index].tags ??= [...rowsByIndex[index].querySelectorAll('.tag')].map(tag => tag.textContent));
const hasTag = index => !chosen.tags.length || tagsOf(index).some(tag => chosen.tags.includes(tag));
// Returns the accounts on the watchlist that have a chosen tag.
const counted = () => allAccounts().filter(one => one.isListed && hasTag(one.index));
const newestTime = accounts => accounts.reduce((most, one) => Math.max(most, one.time ?? -Infinity), -Infinity);
// Returns the accounts whose gains count in a period: if it is over, also accounts removed since.
const measured = within => (within.isOver ? allAccounts().filter(one => hasTag(one.index)) : counted());
// Returns why no account's gain in a period is known.
const whyUnknown = within => (measured(within).some(one => isAwaited(one, within))
  ? 'not measured since it ended; the next refresh completes it' : 'no history that long');

// The original texts of the tiles about the state of refreshing.
const firstTiles = {};
function keepTile(key) {
  const tile = find(`tile-${key}`);
  if (!tile) return;
  const shown = tile.querySelector('dd > span');
  firstTiles[key] = [shown.textContent, shown.className, tile.querySelector('.sub').textContent];
}
function showTile(key, value, tone, sub, title) {
  const tile = find(`tile-${key}`);
  if (title) tile.querySelector('dt').textContent = title;
  const shown = tile.querySelector('dd > span');
  shown.className = tone;
  shown.textContent = value;
  tile.querySelector('.sub').textContent = sub;
}

function showTiles() {
  const accounts = counted(), { period: within } = chosen;
  const sum = total(measured(within), within);
  if (within.unit === 'roll' || !within.isOver) {
    const followers = accounts.reduce((n, one) => n + (one.count ?? 0), 0);
    if (!accounts.some(one => one.count !== undefined)) showTile('followers', '–', 'soft', 'nothing measured yet');
    else showTile('followers', large(followers), '', followers < 1e9 ? 'newest counts, added up' : grouped.format(followers));
  } else {
    const whose = sum.count && sum.count < sum.of ? `, ${accountsOf(sum.count, sum.of)}` : '';
    showTile('followers', sum.count ? large(sum.end) : '–', sum.count ? '' : 'soft', `at the end of ${within.short}${whose}`);
  }
  const title = `Gained ${within.within}`;
  if (!sum.count) {
    showTile('gained', '–', 'soft', whyUnknown(within), title);
  } else {
    const share = sum.from > 0 ? `${percent(sum.by / sum.from)}, ` : '';
    const before = sum.before === null || !(within.isOver ?? true) ? '' : `; ${largeChange(sum.before)} the ${within.unit === 'roll' ? '30 days' : within.unit} before`;
    showTile('gained', largeChange(sum.by), toned(sum.by), `${share}${accountsOf(sum.count, sum.of)}${before}`, title);
  }
  if (find('tile-trouble')) {
    const states = accounts.map(one => rowsByIndex[one.index].cells[9].textContent);
    const [overdue, failing, due] = ['overdue', 'failing', 'due'].map(state => states.filter(other => other === state).length);
    const isWell = overdue + failing === 0;
    const well = due ? `${due} due` : 'all refreshed when due';
    if (chosen.tags.length) showTile('trouble', number(overdue + failing), isWell ? '' : 'warn', isWell ? well : `${overdue} overdue, ${failing} failing`);
    else showTile('trouble', ...firstTiles.trouble);
  }
  if (chosen.tags.length) showTile('accounts', number(accounts.length), '', `with ${chosen.tags.join(' or ')}`);
  else showTile('accounts', ...firstTiles.accounts);
}

// Like for like. The sums begin with the current total and go back from it by the weekly gains of the
// listed accounts, whose total it is: those of removed ones would take away what it does not contain.
// The weeks are of all the accounts that were measured at both ends.
function weeklySums() {
  const known = measured({ isOver: true }).filter(one => one.week.values.length);
  if (!known.length) return null;
  const first = known.reduce((least, one) => Math.min(least, one.week.first), Infinity);
  const last = known.reduce((most, one) => Math.max(most, one.week.first + one.week.values.length - 1), -Infinity);
  const listed = counted();
  const weeks = Array.from({ length: last - first }, () => ({ by: 0, from: 0, count: 0, of: listed.length, listed: 0 }));
  for (const { isListed, week: { first: start, values } } of known) {
    for (let n = 1; n < values.length; n += 1) {
      const [before, value] = [values[n - 1], values[n]];
      if (before === null || value === null) continue;
      const week = weeks[start - first + n - 1];
      week.by += value - before;
      week.from += before;
      week.count += 1;
      if (isListed) week.listed += value - before;
      else week.of += 1;
    }
  }
  // What each gained since its own last week: of an account that is measured no more, or on another day,
  // that ended before the others' did.
  const tail = listed.reduce((n, { count, week: { values } }) => (values.length ? n + count - values[values.length - 1] : n), 0);
  const { now } = stored();
  let sum = listed.reduce((n, one) => n + (one.count ?? 0), 0);
  const times = [newestTime(known)], sums = [sum];
  sum -= tail;
  for (let n = weeks.length; n >= 0; n -= 1) {
    times.unshift(Math.min(now, weekStart(first + n)));
    sums.unshift(sum);
    if (n) sum -= weeks[n - 1].listed;
  }
  return { first, weeks, times, sums };
}

function showTotals() {
  const sums = weeklySums();
  const [sumPlot, weekPlot] = ['sum-chart', 'weeks-chart'].map(id => find(id).querySelector('.plot'));
  if (!sums) {
    for (const plot of [sumPlot, weekPlot]) plot.replaceChildren(node('p', { class: 'empty' }, 'No history is a week long yet.'));
    return;
  }
  const [range, band] = [shownRange(), shownBand()];
  const readouts = [sumPlot, weekPlot].map(plot => plot.parentNode.querySelector('.readout'));
  const describeSum = i => {
    const on = day(sums.times[i]);
    // The newest counts may be of the day on which their week began.
    const before = day(sums.times[i - 1] ?? 0) === on ? i - 2 : i - 1;
    const step = before < 0 ? '' : `, ${change(sums.sums[i] - sums.sums[before])} since ${day(sums.times[before])}`;
    return `${number(sums.sums[i])} on ${on}${step}`;
  };
  chart(sumPlot, {
    times: sums.times, lines: [{ values: sums.sums }], band, range, shape: 'half', title: 'Followers, like for like', describe: describeSum,
    point: i => { readouts[0].textContent = describeSum(i); },
  });
  const times = sums.weeks.map((_, n) => weekStart(sums.first + n));
  const describeWeek = i => {
    const { by, from, count, of } = sums.weeks[i];
    return `${change(by)}${from > 0 ? ` (${percent(by / from)})` : ''} in ${weekName(sums.first + i)}, from ${day(times[i])}, ${accountsOf(count, of)}`;
  };
  chart(weekPlot, {
    times, edges: times.map(time => time + WEEK), bars: true, lines: [{ values: sums.weeks.map(({ by, count }) => (count ? by : null)) }],
    band, range, shape: 'half', title: 'Gained, week by week', describe: describeWeek, point: i => { readouts[1].textContent = describeWeek(i); },
  });
}

function showMovers() {
  const shown = measured(chosen.period).filter(one => rowsByIndex[one.index]);
  const gains = shown.map(one => ({ index: one.index, gained: gain(one, chosen.period) }));
  const moved = gains.filter(({ gained }) => gained && gained.by !== 0 && !isRough(gained)).sort((a, b) => b.gained.by - a.gained.by);
  const lists = { up: moved.filter(({ gained }) => gained.by > 0), down: moved.filter(({ gained }) => gained.by < 0).reverse() };
  for (const [key, list] of Object.entries(lists)) {
    const section = find(`movers-${key}`);
    const [table, empty] = [section.querySelector('table'), section.querySelector('.empty')];
    table.hidden = !list.length;
    empty.hidden = Boolean(list.length);
    const why = whyUnknown(chosen.period);
    empty.textContent = gains.some(({ gained }) => gained) ? 'None.' : `${why[0].toUpperCase()}${why.slice(1)}.`;
    table.tBodies[0].replaceChildren(...list.slice(0, MOVERS).map(({ index, gained }) => {
      const share = permille(gained);
      const spark = rowsByIndex[index].querySelector('.spark');
      return node('tr', {}, node('th', { scope: 'row' }, linkOf(index).cloneNode(true)), node('td', {}, spark ? spark.cloneNode(true) : ''),
        node('td', { class: `n ${toned(gained.by)}` }, change(gained.by)), node('td', { class: 'n soft' }, share === null ? '' : percent(share)));
    }));
  }
  for (const label of document.querySelectorAll('.in-period')) label.textContent = chosen.period.within;
  for (const label of document.querySelectorAll('.of-period')) label.textContent = chosen.period.short;
}

// Returns the accounts to compare by default: those whose history is at least half as long as the
// longest.
function comparable(accounts) {
  const weeks = accounts.reduce((most, one) => Math.max(most, one.week.values.length), 0);
  return accounts.filter(one => one.week.values.length > 1 && one.week.values.length * 2 > weeks);
}

// Compares the chosen accounts, or else the largest: their followers at the start of each week,
// indexed so that all begin at 100.
function showComparison() {
  const everyone = allAccounts().filter(one => rowsByIndex[one.index]);
  const picked = chosen.compare.map(id => everyone.find(one => anchorOf(one.index) === `a-${id}`)).filter(Boolean);
  const isPicked = picked.length > 0;
  const candidates = comparable(counted());
  const compared = isPicked ? picked : candidates.slice(0, 5);
  const note = find('compared-note'), plot = find('comparison-chart').querySelector('.plot');
  const legend = find('comparison-chart').querySelector('.legend');
  const range = shownRange();
  const starts = compared.filter(one => one.week.values.length).map(one => one.week.first);
  const begin = Math.max(starts.reduce((most, first) => Math.max(most, first), -Infinity), range[0] === -Infinity ? -Infinity : weekOf(range[0]) + 1);
  const end = compared.reduce((most, one) => Math.max(most, one.week.first + one.week.values.length - 1), -Infinity);
  const whose = isPicked ? 'The accounts ticked in the table' : `The ${compared.length === 1 ? 'only account' : `${compared.length} largest accounts`}; tick others in the table`;
  if (!starts.length || end <= begin) {
    note.textContent = compared.length ? `${whose}. Their histories share less than a week in this time.` : 'No history is a week long yet.';
    legend.replaceChildren();
    plot.replaceChildren();
    return;
  }
  const times = Array.from({ length: end - begin + 1 }, (_, n) => weekStart(begin + n));
  note.textContent = `${whose}. Followers on ${day(times[0])} are 100.`;
  const lines = compared.map((one, color) => {
    const base = at(one.week, begin);
    const values = times.map((_, n) => {
      const value = at(one.week, begin + n);
      return value === null || !base ? null : (value / base) * 100;
    });
    return { name: nameOf(one.index), color, values };
  });
  const decimal = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const describe = i => lines.map(({ name, values }) => `${name} ${values[i] === null ? '–' : decimal.format(values[i])}`).join(', ') + ` on ${day(times[i])}`;
  const numbers = lines.map(({ name, color }, n) => {
    const value = node('b', { class: 'readout' });
    const link = linkOf(compared[n].index).cloneNode(true);
    legend.append(node('li', {}, node('span', { class: `swatch line${color}` }), link, ' ', value));
    return { value, entry: legend.lastChild };
  });
  legend.replaceChildren(...numbers.map(({ entry }) => entry));
  chart(plot, {
    times, lines, band: shownBand(), range: [-Infinity, Math.max(range[1], times[1])], base: 100, shape: 'wide', title: 'Compared, from 100', describe,
    point: i => numbers.forEach(({ value }, n) => { value.textContent = lines[n].values[i] === null ? '–' : decimal.format(lines[n].values[i]); }),
  });
}

const EVENT = { milestone: 'Milestone', unusual: 'Unusual', profile: 'Profile' };
function eventItem({ time, kind, text }, ...whose) {
  return node('li', { class: kind }, node('time', {}, day(time)), ' ', node('span', { class: 'kind' }, EVENT[kind]), ' ', ...whose, node('span', { class: 'what' }, text));
}

// Lists the events that belong to the period, as `growthd digest` does: also those of accounts removed
// since.
let events, shownEvents = EVENTS;
function showEvents() {
  events ??= sections.flatMap((_, index) => eventsOf(index)).sort((a, b) => b.time - a.time);
  const { period: within } = chosen;
  const [from, to] = within === ROLL ? [newestTime(counted()) - 30 * DAY, Infinity] : [within.from, within.to];
  const found = events.filter(({ index, dated }) => dated >= from && dated < to && hasTag(index));
  const section = find('happened');
  section.querySelector('.empty').hidden = found.length > 0;
  section.querySelector('.events').replaceChildren(...found.slice(0, shownEvents).map(event => eventItem(event, linkOf(event.index).cloneNode(true), ' ')));
  const more = section.querySelector('.more');
  more.hidden = found.length <= shownEvents;
  more.firstChild.textContent = `Show all ${number(found.length)}`;
}

function showOverview() {
  showTiles();
  showTotals();
  showMovers();
  showComparison();
  showEvents();
}
