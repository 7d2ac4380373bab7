// An account's section: its charts, its events and its table of values.

const built = new WeakMap();

// Draws the open sections that are in view or about to be.
const seen = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) if (isIntersecting && target.open) build(target);
}, { rootMargin: '400px' });

// Draws the sections in view anew, and the others when they scroll into view.
function watch() {
  seen.disconnect();
  for (const account of sections) if (!account.hidden) seen.observe(account);
}

// A section's contents are in a noscript element, which is not parsed: of thousands of accounts,
// a reader opens a few.
function unpack(account) {
  const packed = account.querySelector('noscript.packed');
  if (!packed) return;
  packed.outerHTML = packed.textContent;
  const index = Number(account.dataset.index);
  const list = account.querySelector('.events');
  list?.append(...eventsOf(index).map(event => eventItem(event)));
  const facts = [...bestWeeks(allAccounts()[index]), ...outlook(allAccounts()[index])];
  account.querySelector('.facts').append(...facts.map(([name, value]) => node('div', {}, node('dt', {}, name), node('dd', {}, value))));
}

// Returns the weeks of the largest and the smallest gain, as facts, unless rounding or interpolation may
// have made the difference.
function bestWeeks({ rounding, week: { first, values } }) {
  const gains = values.slice(1).map((value, n) => (value === null || values[n] === null ? null : { by: value - values[n], week: first + n })).filter(Boolean);
  if (gains.length < SOME_WEEKS) return [];
  const [best, worst] = [1, -1].map(sign => gains.reduce((most, one) => (sign * (one.by - most.by) > 0 ? one : most)));
  const isClear = best.by - worst.by > Math.max(2 * (rounding ?? 0), Math.abs(best.by) / 10, Math.abs(worst.by) / 10);
  return !isClear ? [] : [['Best week', best], ['Weakest week', worst]].map(([name, { by, week }]) => [name, `${change(by)} in ${weekName(week)}`]);
}

// Returns the next round number and when the pace of the last weeks leads there, if that is still to
// come and less than three years away.
const SOME_WEEKS = 8;
function outlook({ isListed, time, count, week: { values } }) {
  const [from, to] = [values[values.length - 1 - SOME_WEEKS], values[values.length - 1]];
  if (!isListed || !(count >= 500) || typeof from !== 'number' || typeof to !== 'number' || to <= from) return [];
  const power = 10 ** Math.floor(Math.log10(count));
  const next = [1, 2, 5, 10].map(n => n * power).find(n => n > count);
  const then = time + ((next - count) / (to - from)) * SOME_WEEKS * WEEK;
  if (then - time > 3 * 365 * DAY || then <= stored().now) return [];
  const date = new Date(then * 1000);
  return [[`At the pace of ${SOME_WEEKS} weeks`, `${number(next)} in ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`]];
}

// Draws an account's charts, unless they were already drawn at this width for these choices.
function build(account) {
  unpack(account);
  const charts = account.querySelector('.charts');
  if (!charts) return;
  const state = `${isPrinting ? 'paper' : charts.clientWidth} ${chosen.period.key} ${chosen.range}`;
  if (built.get(charts) === state) return;
  built.set(charts, state);
  const index = Number(account.dataset.index);
  const past = history(index);
  const figure = title => {
    const readout = node('span', { class: 'readout', 'aria-hidden': 'true' });
    const plot = node('div', { class: 'plot' });
    const made = node('figure', {}, node('figcaption', {}, node('strong', {}, title), readout), plot);
    return { made, plot, point: text => { readout.textContent = text; } };
  };
  const marks = eventsOf(index);
  const [range, band] = [shownRange(), shownBand()];
  const later = [];
  const kinds = Object.keys(KINDS).filter(kind => past[kind]);
  for (const kind of kinds) {
    const { made, plot, point } = figure(KINDS[kind]);
    const describe = describer(past, kind, kind === 'f' ? marks : []);
    later.push([made, shape => chart(plot, {
      times: past.times, lines: [{ values: past[kind], gaps: past.gaps, suspect: past.suspect[kind] }], marks: kind === 'f' ? marks : [],
      band, range, isRate: kind === 'e', shape, title: KINDS[kind], describe, point: i => point(describe(i)),
    })]);
  }
  const { week } = allAccounts()[index];
  if (week.values.length > 1) {
    const { made, plot, point } = figure('Gained, week by week');
    const times = week.values.slice(1).map((_, n) => weekStart(week.first + n));
    const gains = week.values.slice(1).map((value, n) => (value === null || week.values[n] === null ? null : value - week.values[n]));
    const describe = i => {
      const from = week.values[i];
      return `${change(gains[i])}${from > 0 ? ` (${percent(gains[i] / from)})` : ''} in ${weekName(week.first + i)}, from ${day(times[i])}`;
    };
    later.splice(past.f ? 1 : 0, 0, [made, shape => chart(plot, {
      times, edges: times.map(time => time + WEEK), bars: true, lines: [{ values: gains }], band, range, shape, title: 'Followers gained, week by week', describe, point: i => point(describe(i)),
    })]);
  }
  // The first chart takes the whole width; the others share a row.
  const others = ['', 'wide', 'half', 'third'][later.length - 1];
  const shapes = later.map((_, n) => (n ? others : 'wide'));
  later.forEach(([made], n) => made.classList.add(shapes[n]));
  charts.replaceChildren(...later.map(([made]) => made));
  if (!later.length) charts.append(node('p', { class: 'empty' }, 'None of its counts was reported.'));
  later.forEach(([, draw], n) => draw(shapes[n]));
}

// Returns a function that describes a value: its time, its change since the previous measured value,
// and the events of its time.
function describer(past, kind, marks) {
  const { times } = past;
  const [values, suspect] = [past[kind], past.suspect[kind]];
  const before = [];
  let last = null;
  values.forEach((value, i) => {
    before[i] = last;
    if (value !== null && !suspect.has(i)) last = i;
  });
  const isFine = times[times.length - 1] - times[0] < 3 * DAY;
  const when = time => (isFine ? `${day(time)} ${clock(time, true)}` : day(time));
  return i => {
    const parts = [`${number(values[i], kind)} on ${when(times[i])}`];
    const b = before[i];
    if (suspect.has(i)) parts.push('suspect');
    else if (b !== null) {
      const step = Math.round((values[i] - values[b]) * 1e4) / 1e4;
      const share = kind !== 'e' && values[b] > 0 ? ` (${percent(step / values[b])})` : '';
      parts.push(`${change(step)}${share} since ${when(times[b])}`);
    }
    parts.push(...marks.filter(mark => mark.time === times[i]).map(mark => mark.text));
    return parts.join(', ');
  };
}

function tabulate(account) {
  const target = account.querySelector('.tabulated .scroll');
  if (target.firstChild) return;
  const past = history(Number(account.dataset.index));
  const kinds = Object.keys(KINDS).filter(kind => past[kind]);
  const heads = ['Time (UTC)', ...kinds.flatMap(kind => [KINDS[kind], ...(kind === 'f' ? ['Change'] : [])]), 'Note'];
  const head = node('tr', {}, ...heads.map(text => node('th', { scope: 'col' }, text)));
  let before = null;
  const rows = past.times.map((time, i) => {
    const [isSuspect, areLikes] = [past.suspect.f.has(i), past.suspect.l.has(i)];
    const cells = kinds.flatMap(kind => {
      const value = past[kind][i];
      const cell = node('td', {}, value === null ? '–' : number(value, kind));
      if (kind !== 'f') return [cell];
      const counts = value !== null && !isSuspect;
      const step = counts && before !== null ? value - before : null;
      if (counts) before = value;
      return [cell, node('td', {}, step === null ? '–' : change(step))];
    });
    const isAfterGap = past.gaps.some(([, end]) => end <= time && !(end <= past.times[i - 1]));
    const notes = [isSuspect ? 'suspect' : areLikes && 'likes suspect', isAfterGap && 'after a gap'].filter(Boolean);
    return node('tr', {}, node('th', { scope: 'row', class: 'nowrap' }, `${day(time)} ${clock(time)}`), ...cells, node('td', {}, notes.join(', ')));
  });
  const caption = node('caption', { class: 'unseen' }, 'Values, newest first');
  target.append(node('table', {}, caption, node('thead', {}, head), node('tbody', {}, ...rows.reverse())));
}
