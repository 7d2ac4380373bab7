// The table of all accounts, with sorting, searching, filtering by tag, and CSV download.

// Laying out thousands of rows takes seconds. This many are shown at first. After "Show all", as
// many more are added each time the end of the table scrolls into view.
const ROWS = 100;

// Searching for "jose" finds "José", "ore" finds "Øre", and "strasse" finds "Straße".
const LETTERS = { ß: 'ss', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', æ: 'ae', œ: 'oe', ı: 'i' };
const { compare } = new Intl.Collator('en', { numeric: true });
const folded = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[ßøłđðþæœı]/g, letter => LETTERS[letter]);

function accountTable(table) {
  const body = table.tBodies[0];
  const [input, count, more] = ['search', 'count', 'more'].map(find);
  const heads = [...table.tHead.rows[0].cells];
  const gainColumn = heads.findIndex(head => head.querySelector('.of-period'));
  let rows = [...body.rows], limit = ROWS, isWhole = false;
  const indexOf = row => Number(row.dataset.index);
  const names = new Map();
  const nameIn = row => {
    if (!names.has(row)) names.set(row, folded(row.cells[1].textContent));
    return names.get(row);
  };

  const shown = () => {
    const words = folded(chosen.search).split(/\s+/).filter(Boolean);
    return row => hasTag(indexOf(row)) && words.every(word => nameIn(row).includes(word));
  };
  // Shows the rows and the sections that match, up to the limit, and any other open section.
  function show() {
    const found = rows.filter(shown());
    const isAll = isWhole || isPrinting;
    const inTable = found.slice(0, isPrinting ? Infinity : limit);
    inTable.forEach(fillRow);
    body.replaceChildren(...inTable);
    const matches = new Set(found.map(indexOf)), within = isAll ? matches : new Set(inTable.map(indexOf));
    sections.forEach((section, index) => {
      const isHidden = !within.has(index) && !(section.open && matches.has(index));
      if (section.hidden !== isHidden) section.hidden = isHidden;
      if (!isHidden || section.open) fillSection(section, index);
    });
    count.textContent = found.length === rows.length ? '' : `${number(found.length)} of ${number(rows.length)} accounts`;
    more.hidden = isPrinting || found.length <= limit;
    more.firstChild.textContent = `Show all ${number(found.length)}`;
    more.firstChild.hidden = isWhole;
    const others = find('rest');
    others.hidden = within.size === matches.size;
    others.textContent = `${accountsOf(matches.size - within.size)} more, by their links in the table`;
    end.unobserve(more);
    end.observe(more);
    watch();
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
  // The gain of each account in the period. Rows and sections are filled in as they are shown.
  let gains = [], periodOfGains;
  function countGains() {
    if (periodOfGains === chosen.period.key) return;
    periodOfGains = chosen.period.key;
    gains = allAccounts().map(one => {
      const gained = gain(one, chosen.period);
      const isSure = gained && !isRough(gained);
      return {
        by: gained ? gained.by : null, share: gained ? permille(gained) : null,
        text: !gained ? '–' : isSure ? change(gained.by) : '≈', tone: isSure ? toned(gained.by) : 'soft',
      };
    });
    const sorted = heads.find(head => head.hasAttribute('aria-sort'));
    if (sorted && [gainColumn, gainColumn + 1].includes(sorted.cellIndex)) sort(sorted, sorted.getAttribute('aria-sort') === 'ascending');
  }
  function fillRow(row) {
    const index = indexOf(row), { text, tone, share } = gains[index];
    const [by, part] = [row.cells[gainColumn], row.cells[gainColumn + 1]];
    by.textContent = text;
    by.className = `n ${tone}`;
    part.textContent = share === null ? '–' : percent(share);
    const box = row.cells[0].firstChild ?? row.cells[0].appendChild(pick(index));
    box.checked = chosen.compare.includes(anchorOf(index).slice(2));
    box.disabled = !box.checked && chosen.compare.length >= MOST_COMPARED;
  }
  function fillSection(section, index) {
    const label = section.querySelector('.gained'), { text, tone, by } = gains[index];
    label.original ??= { text: label.textContent, tone: label.className };
    label.className = chosen.period === ROLL ? label.original.tone : `sub gained ${tone}`;
    label.textContent = chosen.period === ROLL ? label.original.text : by === null ? '' : `${text} ${chosen.period.within}`;
  }
  // Returns the box that selects an account to compare.
  function pick(index) {
    const box = node('input', { type: 'checkbox', 'aria-label': `Compare ${nameOf(index)}` });
    box.addEventListener('change', () => {
      const id = anchorOf(index).slice(2);
      chosen.compare = chosen.compare.filter(other => other !== id);
      if (box.checked) chosen.compare.push(id);
      writeAddress();
      for (const row of body.rows) fillRow(row);
      showComparison();
    });
    return box;
  }
  function sort(head, isRising) {
    const isText = head.dataset.sort === 'text';
    for (const other of heads) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', isRising ? 'ascending' : 'descending');
    const key = row => {
      const cell = row.cells[head.cellIndex], { by, share } = gains[indexOf(row)];
      if (head.cellIndex === gainColumn) return by ?? NaN;
      if (head.cellIndex === gainColumn + 1) return share ?? NaN;
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
  find('csv').addEventListener('click', () => {
    const ends = allAccounts().map(one => countAtEnd(one, chosen.period));
    const text = csv(rows.filter(shown()), gains, ends, heads.length);
    const link = node('a', { href: URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv' })), download: `growth-${chosen.period.key}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  const showTable = () => {
    input.value = chosen.search;
    countGains();
    showAgain();
  };
  return { showTable, showRows: show };
}

// Prefixes a text that a spreadsheet would run as a formula with '.
const harmless = text => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

function quotedCell(value) {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// Returns the matching rows as CSV, in the table's order, with unformatted numbers. `gains` and `ends` are
// those of the period, by account.
function csv(rows, gains, ends, columns) {
  const hasState = columns > 9;
  const head = ['account', 'username', 'platform', ...(hasState ? ['account_id', 'tags'] : []), 'followers_now', 'period', 'followers', 'gained', 'percent', 'likes',
    'engagement_rate', 'measured', ...(hasState ? ['state'] : [])];
  const lines = rows.map(row => {
    const index = Number(row.dataset.index);
    const value = n => (row.cells[n].dataset.v === undefined ? '' : Number(row.cells[n].dataset.v));
    const byline = row.cells[1].querySelector('.sub');
    const handle = byline.querySelector('bdi')?.textContent.slice(1) ?? '';
    const platform = [...byline.childNodes].filter(child => child.nodeType === 3).map(child => child.data.trim()).join('');
    const { by, share } = gains[index];
    const measured = value(8);
    return [harmless(nameOf(index)), harmless(handle), harmless(platform), ...(hasState ? [anchorOf(index).slice(2), harmless(tagsOf(index).join(' '))] : []), value(2), chosen.period.key, ends[index] ?? '', by ?? '',
      share === null ? '' : Number((share * 100).toFixed(4)), value(6), value(7), measured === '' ? '' : new Date(measured * 1000).toISOString().slice(0, 10),
      ...(hasState ? [row.cells[9].textContent] : [])];
  });
  return [head, ...lines].map(line => line.map(quotedCell).join(',') + '\r\n').join('');
}
