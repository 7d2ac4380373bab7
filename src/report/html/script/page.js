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

const widths = new WeakMap();
// Draws an account's charts, or draws them anew where their width has changed.
function build(account) {
  const charts = account.querySelector('.charts');
  if (!charts || widths.get(charts) === charts.clientWidth) return;
  widths.set(charts, charts.clientWidth);
  const past = history(Number(account.dataset.place));
  const kinds = Object.keys(KINDS).filter(kind => past[kind]);
  const figures = kinds.map((kind, n) => {
    const shape = n === 0 ? 'wide' : kinds.length === 2 ? 'alone' : '';
    return node('figure', { 'data-kind': kind, class: shape },
      node('figcaption', {}, node('strong', {}, KINDS[kind]), node('span', { class: 'readout', 'aria-hidden': 'true' })),
      node('div', { class: 'plot' }));
  });
  charts.replaceChildren(...figures);
  if (!kinds.length) charts.append(node('p', { class: 'empty' }, 'None of its counts was told.'));
  for (const figure of figures) chart(figure, past);
}

function tabulate(account) {
  const target = account.querySelector('.values .scroll');
  if (target.firstChild) return;
  const past = history(Number(account.dataset.place));
  const kinds = Object.keys(KINDS).filter(kind => past[kind]);
  const heads = ['Time (UTC)', ...kinds.flatMap(kind => [KINDS[kind], ...(kind === 'f' ? ['Change'] : [])]), 'Note'];
  const head = node('tr', {}, ...heads.map(text =>
    node('th', { scope: 'col' }, text)));
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
    return node('tr', {}, node('th', { scope: 'row', class: 'nowrap' }, `${day(time)} ${clock(time)}`), ...cells,
      node('td', {}, notes.join(', ')));
  });
  const caption = node('caption', { class: 'unseen' }, 'Values, newest first');
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

// Laying out thousands of rows takes a second; so many are shown until all are asked for.
const ROWS = 200;

function listed(table, accounts) {
  const body = table.tBodies[0];
  const [input, count, more] = ['search', 'count', 'more'].map(find);
  let rows = [...body.rows], limit = ROWS, words = [], names;

  function show() {
    names ??= new Map(rows.map(row => [row, row.cells[0].textContent.toLowerCase()]));
    let found = 0;
    for (const row of rows) {
      const isFound = words.every(word => names.get(row).includes(word));
      found += isFound;
      row.hidden = !isFound || found > limit;
      accounts[Number(row.dataset.place)].hidden = !isFound;
    }
    count.textContent = words.length ? `${number(found)} of ${number(rows.length)} accounts` : '';
    more.hidden = found <= limit;
    more.firstChild.textContent = `Show all ${number(found)}`;
  }
  more.addEventListener('click', () => {
    limit = Infinity;
    show();
  });
  input.addEventListener('input', () => {
    words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    show();
  });

  const heads = [...table.tHead.rows[0].cells];
  for (const head of heads.filter(head => head.dataset.sort)) {
    const isText = head.dataset.sort === 'text';
    const button = node('button', { type: 'button' }, ...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const sort = head.getAttribute('aria-sort');
      const isRising = sort ? sort === 'descending' : isText;
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', isRising ? 'ascending' : 'descending');
      const key = row => {
        const cell = row.cells[head.cellIndex];
        return isText ? cell.textContent : cell.dataset.v === undefined ? NaN : Number(cell.dataset.v);
      };
      const { compare } = new Intl.Collator('en', { numeric: true });
      const keyed = rows.map(row => [key(row), row]);
      keyed.sort(([a], [b]) => {
        const [first, second] = isRising ? [a, b] : [b, a];
        // What is not known stays at the end, whichever way.
        return isText ? compare(first, second) : Number.isNaN(a) - Number.isNaN(b) || first - second;
      });
      rows = keyed.map(([, row]) => row);
      show();
      body.append(...rows);
    });
  }
  show();
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
  listed(table, accounts);

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
      if (account.open && !account.hidden && !account.querySelector('.plot')) build(account);
    }
  });
  addEventListener('hashchange', openAddressed);
  openAddressed();
  root.dataset.ready = '';
});
