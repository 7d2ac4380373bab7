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
  const rest = account.querySelector('noscript.rest');
  if (!rest) return;
  rest.outerHTML = rest.textContent;
  const list = account.querySelector('.events');
  list?.append(...eventsOf(Number(account.dataset.index)).map(event => eventItem(event)));
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
      times: past.times, lines: [{ values: past[kind], breaks: past.breaks[kind], suspect: past.suspect }], marks: kind === 'f' ? marks : [],
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
  const { times, suspect } = past;
  const values = past[kind];
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
    const isSuspect = past.suspect.has(i);
    const cells = kinds.flatMap(kind => {
      const value = past[kind][i];
      const cell = node('td', {}, value === null ? '–' : number(value, kind));
      if (kind !== 'f') return [cell];
      const counts = value !== null && !isSuspect;
      const step = counts && before !== null ? value - before : null;
      if (counts) before = value;
      return [cell, node('td', {}, step === null ? '–' : change(step))];
    });
    const notes = [isSuspect && 'suspect', past.breaks.f.has(i) && 'after a gap'].filter(Boolean);
    return node('tr', {}, node('th', { scope: 'row', class: 'nowrap' }, `${day(time)} ${clock(time)}`), ...cells, node('td', {}, notes.join(', ')));
  });
  const caption = node('caption', { class: 'unseen' }, 'Values, newest first');
  target.append(node('table', {}, caption, node('thead', {}, head), node('tbody', {}, ...rows.reverse())));
}
