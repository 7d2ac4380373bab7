// The table of all accounts, with sorting, searching, filtering by tag, and CSV download.

// Laying out thousands of rows takes seconds. This many are shown at first. After "Show all", as
// many more are added each time the end of the table scrolls into view.
const ROWS = 100;

// Searching for "jose" finds "José", "ore" finds "Øre", and "strasse" finds "Straße".
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
    return row => hasTag(Number(row.dataset.index)) && words.every(word => nameIn(row).includes(word));
  };
  function show() {
    const isShown = shown();
    const found = rows.filter(row => {
      const isFound = isShown(row);
      sections[Number(row.dataset.index)].hidden = !isFound;
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
  // Shows the gains of the period, in the table and in the headings of the sections.
  function showGains() {
    for (const one of allAccounts().filter(({ index }) => rowsByIndex[index])) {
      const gained = gain(one, chosen.period);
      const [by, share] = [gainColumn, gainColumn + 1].map(n => rowsByIndex[one.index].cells[n]);
      const isSure = gained && !isRough(gained);
      const text = !gained ? '–' : isSure ? change(gained.by) : '≈';
      cellText(by, text, gained ? gained.by : null, isSure ? toned(gained.by) : 'soft');
      const part = gained ? permille(gained) : null;
      cellText(share, part === null ? '–' : percent(part), part, 'soft');
      const label = sections[one.index].querySelector('.gained');
      label.original ??= { text: label.textContent, tone: label.className };
      label.className = chosen.period === ROLL ? label.original.tone : `sub gained ${isSure ? toned(gained.by) : 'soft'}`;
      label.textContent = chosen.period === ROLL ? label.original.text : gained ? `${text} ${chosen.period.within}` : '';
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
      // Unknown values come last in either order.
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
    const index = Number(row.dataset.index);
    const box = node('input', { type: 'checkbox', 'aria-label': `Compare ${nameOf(index)}` });
    box.addEventListener('change', () => {
      const id = anchorOf(index).slice(2);
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
      box.checked = chosen.compare.includes(anchorOf(Number(row.dataset.index)).slice(2));
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

// Quotes a cell, and prefixes a text that a spreadsheet would run as a formula with '.
function quotedCell(value) {
  const text = typeof value === 'number' ? String(value) : /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// Returns the matching rows as CSV, in the table's order, with unformatted numbers.
function csv(rows, columns) {
  const hasState = columns > 9;
  const head = ['account', 'username', 'platform', ...(hasState ? ['account_id', 'tags'] : []), 'followers', 'period', 'gained', 'percent', 'likes',
    'engagement_rate', 'measured', ...(hasState ? ['state'] : [])];
  const lines = rows.map(row => {
    const index = Number(row.dataset.index);
    const value = n => (row.cells[n].dataset.v === undefined ? '' : Number(row.cells[n].dataset.v));
    const byline = row.cells[1].querySelector('.sub');
    const handle = byline.querySelector('bdi')?.textContent.slice(1) ?? '';
    const platform = [...byline.childNodes].filter(child => child.nodeType === 3).map(child => child.data.trim()).join('');
    const share = value(4);
    const measured = value(8);
    return [nameOf(index), handle, platform, ...(hasState ? [anchorOf(index).slice(2), tagsOf(index).join(' ')] : []), value(2), chosen.period.key, value(3),
      share === '' ? '' : Number((share * 100).toFixed(4)), value(6), value(7), measured === '' ? '' : new Date(measured * 1000).toISOString().slice(0, 10),
      ...(hasState ? [row.cells[9].textContent] : [])];
  });
  return [head, ...lines].map(line => line.map(quotedCell).join(',') + '\r\n').join('');
}
