(() => {
  'use strict';
  const root = document.documentElement;
  const find = id => document.getElementById(id);

  const failed = what => {
    root.dataset.failed = what;
    const notice = find('failed');
    if (notice) notice.hidden = false;
  };
  addEventListener('error', event => failed(event.message));
  document.addEventListener('securitypolicyviolation', event => failed(`refused ${event.violatedDirective}`));
  root.classList.add('js');

  // A page opened from a file may have no storage; then the choice lasts as long as the page.
  const remembered = {
    get theme() {
      try { return localStorage.getItem('growthd-theme'); } catch { return null; }
    },
    set theme(theme) {
      try { localStorage.setItem('growthd-theme', theme); } catch { /* forgotten */ }
    },
  };
  if (['light', 'dark'].includes(remembered.theme)) root.dataset.theme = remembered.theme;

  function node(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  function drawn(name, attributes) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const SECOND = 1, MINUTE = 60, HOUR = 3600, DAY = 86400;
  const two = n => String(n).padStart(2, '0');
  const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 4 });
  const signed = new Intl.NumberFormat('en-US', { maximumFractionDigits: 4, signDisplay: 'exceptZero' });
  const rate = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 4 });
  const number = (n, kind) => (kind === 'e' ? rate : grouped).format(n);
  const change = n => signed.format(n).replace('-', '−');

  function day(time) {
    const d = new Date(time * 1000);
    return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
  }
  function clock(time, seconds) {
    const d = new Date(time * 1000);
    return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}${seconds ? ':' + two(d.getUTCSeconds()) : ''}`;
  }
  function short(n) {
    const size = Math.abs(n);
    for (const [unit, letter] of [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e4, 'K']]) {
      if (size >= unit) {
        const divisor = letter === 'K' ? 1e3 : unit;
        return parseFloat((n / divisor).toPrecision(5)) + letter;
      }
    }
    return number(n);
  }

  const KINDS = { f: 'Followers', l: 'Likes', e: 'Engagement rate' };

  let everything;
  // The history of the account at this place: columns of equal length; counts and times are
  // stored as the difference to the value before, and null is what was not told.
  function history(place) {
    everything ??= JSON.parse(find('data').textContent);
    const stored = everything[place];
    const summed = column => {
      let sum = 0;
      return column?.map(step => (step === null ? null : (sum += step)));
    };
    return {
      times: summed(stored.t),
      f: summed(stored.f),
      l: summed(stored.l),
      e: stored.e,
      suspect: new Set(stored.s),
      breaks: Object.fromEntries(Object.keys(KINDS).map(kind => [kind, new Set(stored['b' + kind])])),
    };
  }

  // Round steps of which at most `most` fit into the range.
  function numberTicks(low, high, most) {
    const rough = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map(n => n * power).find(n => n >= rough * 0.999);
    const ticks = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) {
      ticks.push(parseFloat((n * step).toPrecision(12)));
    }
    return ticks;
  }

  function timeTicks(from, to, most) {
    const rough = (to - from) / most;
    const step = [1, 2, 5, 10, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
      DAY, 2 * DAY, 7 * DAY, 14 * DAY].map(n => n * SECOND).find(n => n >= rough);
    if (step) {
      // Multiples of a week since 1970 are Thursdays; four days on they are Mondays.
      const shift = step % (7 * DAY) === 0 ? 4 * DAY : 0;
      const ticks = [];
      for (let t = Math.ceil((from - shift) / step) * step + shift; t <= to; t += step) {
        const d = new Date(t * 1000);
        const label = step >= DAY || t % DAY === 0
          ? `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}` : clock(t, step < MINUTE);
        ticks.push([t, label]);
      }
      return ticks;
    }
    const months = [1, 2, 3, 6, 12, 24, 60, 120, 240].find(n => n * 30 * DAY >= rough) ?? 1200;
    const start = new Date(from * 1000);
    const ticks = [];
    for (let m = Math.ceil((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months; ; m += months) {
      const t = Date.UTC(Math.floor(m / 12), m % 12) / 1000;
      if (t > to) return ticks;
      if (t >= from) ticks.push([t, m % 12 ? MONTHS[m % 12] : String(m / 12)]);
    }
  }

  function chart(figure, past) {
    const kind = figure.dataset.kind;
    const values = past[kind];
    const { times, suspect } = past;
    const plot = figure.querySelector('.plot');
    const readout = figure.querySelector('.readout');
    const shown = [...times.keys()].filter(i => values[i] !== null);
    const measured = shown.filter(i => !suspect.has(i));
    const scaled = measured.length ? measured : shown;

    const width = Math.max(220, Math.round(plot.clientWidth));
    const height = figure.classList.contains('wide') ? 224 : 176;
    const inner = { left: 52, right: width - 10, top: 12, bottom: height - 24 };
    let low = scaled.reduce((m, i) => Math.min(m, values[i]), Infinity);
    let high = scaled.reduce((m, i) => Math.max(m, values[i]), -Infinity);
    const room = (high - low) * 0.08 || Math.max(Math.abs(high) * 0.02, kind === 'e' ? 0.5 : 2);
    low = low >= 0 ? Math.max(0, low - room) : low - room;
    high += room;
    let [from, to] = [times[shown[0]], times[shown[shown.length - 1]]];
    if (from === to) [from, to] = [from - 12 * HOUR, to + 12 * HOUR];
    const x = t => inner.left + ((t - from) / (to - from)) * (inner.right - inner.left);
    const y = v => inner.bottom - ((Math.min(high, Math.max(low, v)) - low) / (high - low)) * (inner.bottom - inner.top);
    const at = n => n.toFixed(1);

    const svg = drawn('svg', { viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: 'slider' });
    const add = (name, attributes, text) => {
      const made = drawn(name, attributes);
      if (text !== undefined) made.textContent = text;
      svg.append(made);
      return made;
    };
    measured.forEach((i, n) => {
      if (n && past.breaks[kind].has(i)) {
        const start = x(times[measured[n - 1]]);
        add('rect', { class: 'gap', x: at(start), y: inner.top, width: at(x(times[i]) - start), height: inner.bottom - inner.top });
      }
    });
    for (const v of numberTicks(low, high, 5)) {
      add('line', { class: 'grid', x1: inner.left, x2: inner.right, y1: at(y(v)), y2: at(y(v)) });
      add('text', { x: inner.left - 8, y: at(y(v) + 4), 'text-anchor': 'end' }, kind === 'e' ? number(v, kind) : short(v));
    }
    for (const [t, label] of timeTicks(from, to, Math.max(2, (inner.right - inner.left) / 80))) {
      if (x(t) > inner.right - 14) continue;
      add('text', { x: at(x(t)), y: height - 6, 'text-anchor': x(t) < inner.left + 18 ? 'start' : 'middle' }, label);
    }
    let path = '', alone = [];
    measured.forEach((i, n) => {
      const starts = n === 0 || past.breaks[kind].has(i);
      const next = measured[n + 1];
      const ends = next === undefined || past.breaks[kind].has(next);
      path += `${starts ? 'M' : 'L'}${at(x(times[i]))} ${at(y(values[i]))}`;
      if (starts && ends) alone.push(i);
    });
    add('path', { class: 'curve', d: path || 'M0 0' });
    for (const i of alone) add('circle', { class: 'dot', r: 3, cx: at(x(times[i])), cy: at(y(values[i])) });
    for (const i of shown) {
      if (suspect.has(i)) add('circle', { class: 'suspect', r: 3.5, cx: at(x(times[i])), cy: at(y(values[i])) });
    }

    const cursor = add('line', { class: 'cursor', y1: inner.top, y2: inner.bottom, visibility: 'hidden' });
    const spot = add('circle', { class: 'spot', r: 4, visibility: 'hidden' });
    const fine = to - from < 3 * DAY;
    const told = i => {
      const when = fine ? `${day(times[i])} ${clock(times[i], true)}` : day(times[i]);
      return `${number(values[i], kind)} on ${when}${suspect.has(i) ? ', suspect' : ''}`;
    };
    const last = shown.length - 1;
    const first = scaled[0], newest = scaled[scaled.length - 1];
    svg.setAttribute('aria-label', `${KINDS[kind]}, ${shown.length} values: ${told(first)}` +
      (first === newest ? '' : `, to ${told(newest)}`));
    svg.setAttribute('aria-valuemin', 1);
    svg.setAttribute('aria-valuemax', last + 1);
    let current = last;
    const point = (n, visible) => {
      current = Math.min(last, Math.max(0, n));
      const i = shown[current];
      svg.setAttribute('aria-valuenow', current + 1);
      svg.setAttribute('aria-valuetext', told(i));
      readout.textContent = told(i);
      for (const made of [cursor, spot]) made.setAttribute('visibility', visible ? 'visible' : 'hidden');
      for (const key of ['x1', 'x2']) cursor.setAttribute(key, at(x(times[i])));
      spot.setAttribute('cx', at(x(times[i])));
      spot.setAttribute('cy', at(y(values[i])));
    };
    const near = event => {
      const box = svg.getBoundingClientRect();
      const t = from + (((event.clientX - box.left) / box.width) * width - inner.left) / (inner.right - inner.left) * (to - from);
      let [a, b] = [0, last];
      while (a < b) {
        const middle = (a + b) >> 1;
        if (times[shown[middle]] < t) a = middle + 1; else b = middle;
      }
      point(a > 0 && t - times[shown[a - 1]] < times[shown[a]] - t ? a - 1 : a, true);
    };
    const MOVES = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
    svg.addEventListener('pointermove', near);
    svg.addEventListener('pointerdown', near);
    svg.addEventListener('pointerleave', () => point(last, svg === document.activeElement));
    svg.addEventListener('focus', () => point(current, true));
    svg.addEventListener('blur', () => point(last, false));
    svg.addEventListener('keydown', event => {
      if (!(event.key in MOVES)) return;
      event.preventDefault();
      point(current + MOVES[event.key], true);
    });
    point(last, false);
    plot.replaceChildren(svg);
  }

  const widths = new WeakMap();
  const isReady = plot => widths.get(plot) === plot.clientWidth;
  function build(account) {
    const figures = [...account.querySelectorAll('figure')].filter(f => !isReady(f.querySelector('.plot')));
    if (!figures.length) return;
    const past = history(Number(account.dataset.place));
    for (const figure of figures) {
      const plot = figure.querySelector('.plot');
      widths.set(plot, plot.clientWidth);
      chart(figure, past);
    }
  }

  function tabulate(account) {
    const target = account.querySelector('.values .scroll');
    if (target.firstChild) return;
    const past = history(Number(account.dataset.place));
    const kinds = Object.keys(KINDS).filter(kind => past[kind]);
    const heads = ['Time (UTC)', ...kinds.flatMap(kind => [KINDS[kind], ...(kind === 'f' ? ['Change'] : [])]), 'Note'];
    const head = node('tr', {}, ...heads.map((text, n) =>
      node('th', { scope: 'col', class: n && n < heads.length - 1 ? 'n' : '' }, text)));
    let before = null;
    const rows = past.times.map((time, i) => {
      const isSuspect = past.suspect.has(i);
      const cells = kinds.flatMap(kind => {
        const value = past[kind][i];
        const cell = node('td', { class: 'n' }, value === null ? '–' : number(value, kind));
        if (kind !== 'f') return [cell];
        const counts = value !== null && !isSuspect;
        const step = counts && before !== null ? value - before : null;
        if (counts) before = value;
        return [cell, node('td', { class: 'n' }, step === null ? '–' : change(step))];
      });
      const notes = [isSuspect && 'suspect', past.breaks.f.has(i) && 'after a gap'].filter(Boolean);
      return node('tr', {}, node('th', { scope: 'row', class: 'nowrap' }, `${day(time)} ${clock(time)}`), ...cells,
        node('td', {}, notes.join(', ')));
    });
    const caption = node('caption', { class: 'unseen' }, 'Every value, newest first');
    target.append(node('table', {}, caption, node('thead', {}, head), node('tbody', {}, ...rows.reverse())));
  }

  function openAddressed() {
    const account = location.hash.length > 1 && find(decodeURIComponent(location.hash.slice(1)));
    if (!account || !account.matches('.account')) return;
    account.hidden = false;
    account.open = true;
    build(account);
    account.scrollIntoView();
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const key = (row, column, isText) => {
      const cell = row.cells[column];
      if (isText) return cell.textContent.trim();
      return cell.dataset.v === undefined ? -Infinity : Number(cell.dataset.v);
    };
    for (const head of table.tHead.rows[0].cells) {
      if (!head.dataset.sort) continue;
      const isText = head.dataset.sort === 'text';
      const button = node('button', { type: 'button' }, ...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const sort = head.getAttribute('aria-sort');
        const isRising = sort ? sort === 'descending' : isText;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', isRising ? 'ascending' : 'descending');
        const order = new Intl.Collator('en', { numeric: true }).compare;
        const rows = [...body.rows].map(row => [key(row, head.cellIndex, isText), row]);
        const compare = isText ? order : (a, b) => (a === b ? 0 : a < b ? -1 : 1);
        rows.sort(([a], [b]) => {
          // What is not known stays at the end, whichever way.
          if (!isText && (a === -Infinity || b === -Infinity)) return (a === -Infinity) - (b === -Infinity);
          return isRising ? compare(a, b) : compare(b, a);
        });
        body.append(...rows.map(([, row]) => row));
      });
    }
  }

  function searchable(table, accounts) {
    const input = find('search');
    const count = find('count');
    let names;
    input.addEventListener('input', () => {
      const rows = [...table.tBodies[0].rows];
      names ??= new Map(rows.map(row => [row, row.cells[0].textContent.toLowerCase()]));
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      for (const row of rows) {
        const isFound = words.every(word => names.get(row).includes(word));
        found += isFound;
        row.hidden = !isFound;
        accounts[Number(row.dataset.place)].hidden = !isFound;
      }
      count.textContent = words.length ? `${number(found)} of ${number(rows.length)} accounts` : '';
    });
  }

  document.addEventListener('DOMContentLoaded', () => {
    find('theme').addEventListener('click', () => {
      const isDark = getComputedStyle(root).colorScheme === 'light dark'
        ? matchMedia('(prefers-color-scheme: dark)').matches : root.dataset.theme === 'dark';
      remembered.theme = root.dataset.theme = isDark ? 'light' : 'dark';
    });
    const table = find('accounts');
    if (!table) return;
    const accounts = [...document.querySelectorAll('.account')];
    sortable(table);
    searchable(table, accounts);

    const seen = new IntersectionObserver(entries => {
      for (const entry of entries) {
        if (entry.isIntersecting && entry.target.open) build(entry.target);
      }
    }, { rootMargin: '400px' });
    for (const account of accounts) seen.observe(account);
    // `toggle` does not bubble, so it is caught on its way down.
    document.addEventListener('toggle', event => {
      const account = event.target.closest('.account');
      if (!account || !event.target.open) return;
      if (event.target === account) {
        seen.unobserve(account);
        seen.observe(account);
      } else {
        tabulate(account);
      }
    }, true);
    find('open-all').addEventListener('click', event => {
      const isOpening = event.target.getAttribute('aria-pressed') !== 'true';
      event.target.setAttribute('aria-pressed', isOpening);
      event.target.textContent = isOpening ? 'Close all' : 'Open all';
      for (const account of accounts) if (!account.hidden) account.open = isOpening;
    });

    let resized;
    addEventListener('resize', () => {
      clearTimeout(resized);
      resized = setTimeout(() => {
        for (const account of accounts) {
          seen.unobserve(account);
          seen.observe(account);
        }
      }, 150);
    });
    addEventListener('beforeprint', () => {
      for (const account of accounts) {
        if (account.open && !account.hidden && !account.querySelector('.plot svg')) build(account);
      }
    });
    addEventListener('hashchange', openAddressed);
    openAddressed();
    root.dataset.ready = '';
  });
})();
