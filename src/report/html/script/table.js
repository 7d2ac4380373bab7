// The table of all accounts: sorted, searched, narrowed by tags, and as CSV.

// Laying out thousands of rows takes seconds. So many are in the page, and as many more each time its
// end comes into sight, once all are asked for.
const ROWS = 100;

// "José" is found by "jose", "Øre" by "ore", "Straße" by "strasse".
const LETTERS = { ß: 'ss', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', æ: 'ae', œ: 'oe', ı: 'i' };
const { compare } = new Intl.Collator('en', { numeric: true });
const folded = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[ßøłđðþæœı]/g, letter => LETTERS[letter]);

function cellText(cell, text, value, tone) {
  cell.textContent = text;
  if (value === null) delete cell.dataset.v; else cell.dataset.v = value;
  cell.classList.remove('up', 'down', 'soft');
  if (tone) cell.classList.add(tone);
}

function accountTable(table) {
  const body = table.tBodies[0];
  const [input, count, more] = ['search', 'count', 'more'].map(find);
  const heads = [...table.tHead.rows[0].cells];
  const gainColumn = heads.findIndex(head => head.querySelector('.of-period'));
  let rows = [...body.rows], limit = ROWS, isWhole = false;
  const names = new Map();
  const nameIn = row => {
    if (!names.has(row)) names.set(row, folded(row.cells[1].textContent));
    return names.get(row);
  };

  const shown = () => {
    const words = folded(chosen.search).split(/\s+/).filter(Boolean);
    return row => hasTag(Number(row.dataset.place)) && words.every(word => nameIn(row).includes(word));
  };
  function show() {
    const isShown = shown();
    const found = rows.filter(row => {
      const isFound = isShown(row);
      sections[Number(row.dataset.place)].hidden = !isFound;
      return isFound;
    });
    body.replaceChildren(...found.slice(0, isPrinting ? Infinity : limit));
    count.textContent = found.length === rows.length ? '' : `${number(found.length)} of ${number(rows.length)} accounts`;
    more.hidden = isPrinting || found.length <= limit;
    more.firstChild.textContent = `Show all ${number(found.length)}`;
    more.firstChild.hidden = isWhole;
    end.unobserve(more);
    end.observe(more);
  }
  function showAgain() {
    limit = ROWS;
    show();
  }
  const end = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting || !isWhole) return;
    limit += ROWS;
    show();
  }, { rootMargin: '1000px' });
  // The gains of the period, in the table and over the sections.
  function showGains() {
    for (const one of everybody().filter(({ place }) => rowsByPlace[place])) {
      const gained = gain(one, chosen.period);
      const [by, share] = [gainColumn, gainColumn + 1].map(n => rowsByPlace[one.place].cells[n]);
      const isSure = gained && !isRough(gained);
      const text = !gained ? '–' : isSure ? change(gained.by) : '≈';
      cellText(by, text, gained ? gained.by : null, isSure ? toned(gained.by) : 'soft');
      const part = gained ? permille(gained) : null;
      cellText(share, part === null ? '–' : percent(part), part, 'soft');
      const said = sections[one.place].querySelector('.gained');
      said.kept ??= { text: said.textContent, tone: said.className };
      said.className = chosen.period === ROLL ? said.kept.tone : `sub gained ${isSure ? toned(gained.by) : 'soft'}`;
      said.textContent = chosen.period === ROLL ? said.kept.text : gained ? `${text} ${chosen.period.within}` : '';
    }
    const sorted = heads.find(head => head.hasAttribute('aria-sort'));
    if (sorted && [gainColumn, gainColumn + 1].includes(sorted.cellIndex)) sort(sorted, sorted.getAttribute('aria-sort') === 'ascending');
  }
  function sort(head, isRising) {
    const isText = head.dataset.sort === 'text';
    for (const other of heads) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', isRising ? 'ascending' : 'descending');
    const key = row => {
      const cell = row.cells[head.cellIndex];
      return isText ? cell.textContent : cell.dataset.v === undefined ? NaN : Number(cell.dataset.v);
    };
    const keyed = rows.map(row => [key(row), row]);
    keyed.sort(([a], [b]) => {
      const [first, second] = isRising ? [a, b] : [b, a];
      // What is not known stays at the end, whichever way.
      return isText ? compare(first, second) : Number.isNaN(a) - Number.isNaN(b) || first - second;
    });
    rows = keyed.map(([, row]) => row);
  }
  for (const head of heads.filter(head => head.dataset.sort)) {
    const button = node('button', { type: 'button' }, ...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const order = head.getAttribute('aria-sort');
      sort(head, order ? order === 'descending' : head.dataset.sort === 'text');
      showAgain();
    });
  }
  more.addEventListener('click', () => {
    isWhole = true;
    show();
  });
  input.addEventListener('input', () => {
    chosen.search = input.value;
    writeAddress();
    showAgain();
  });
  for (const row of rows) {
    const place = Number(row.dataset.place);
    const box = node('input', { type: 'checkbox', 'aria-label': `Compare ${nameOf(place)}` });
    box.addEventListener('change', () => {
      const id = anchorOf(place).slice(2);
      chosen.compare = chosen.compare.filter(other => other !== id);
      if (box.checked) chosen.compare.push(id);
      writeAddress();
      showPicks();
      showComparison();
    });
    row.cells[0].append(box);
  }
  function showPicks() {
    for (const row of rows) {
      const box = row.cells[0].firstChild;
      box.checked = chosen.compare.includes(anchorOf(Number(row.dataset.place)).slice(2));
      box.disabled = !box.checked && chosen.compare.length >= MOST_COMPARED;
    }
  }
  find('csv').addEventListener('click', () => {
    const text = csv(rows.filter(shown()), heads.length);
    const link = node('a', { href: URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv' })), download: `growth-${chosen.period.key}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  const showTable = () => {
    input.value = chosen.search;
    showGains();
    showAgain();
    showPicks();
  };
  return { showTable, showRows: show };
}

// A text that a spreadsheet would run as a formula has a ' before it.
function quotedCell(value) {
  const text = typeof value === 'number' ? String(value) : /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// The rows that are shown, whole: plain numbers, as the table is sorted.
function csv(rows, columns) {
  const hasState = columns > 9;
  const head = ['account', 'username', 'platform', ...(hasState ? ['account_id', 'tags'] : []), 'followers', 'period', 'gained', 'percent', 'likes',
    'engagement_rate', 'measured', ...(hasState ? ['state'] : [])];
  const lines = rows.map(row => {
    const place = Number(row.dataset.place);
    const value = n => (row.cells[n].dataset.v === undefined ? '' : Number(row.cells[n].dataset.v));
    const byline = row.cells[1].querySelector('.sub');
    const handle = byline.querySelector('bdi')?.textContent.slice(1) ?? '';
    const platform = [...byline.childNodes].filter(child => child.nodeType === 3).map(child => child.data.trim()).join('');
    const share = value(4);
    const measured = value(8);
    return [nameOf(place), handle, platform, ...(hasState ? [anchorOf(place).slice(2), tagsOf(place).join(' ')] : []), value(2), chosen.period.key, value(3),
      share === '' ? '' : Number((share * 100).toFixed(4)), value(6), value(7), measured === '' ? '' : new Date(measured * 1000).toISOString().slice(0, 10),
      ...(hasState ? [row.cells[9].textContent] : [])];
  });
  return [head, ...lines].map(line => line.map(quotedCell).join(',') + '\r\n').join('');
}
