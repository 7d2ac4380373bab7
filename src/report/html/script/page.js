// Connects the parts once the page is loaded.

function chooser(show) {
  const buttons = (id, name) => [...(find(id)?.querySelectorAll('button') ?? [])].map(button => ({ button, value: name(button) }));
  const units = buttons('units', button => button.dataset.unit);
  const ranges = buttons('ranges', button => button.dataset.range);
  const tags = buttons('tags', button => button.textContent);
  const [step, label, earlier, later] = ['step', 'period', 'earlier', 'later'].map(find);
  const choose = what => () => {
    what();
    writeAddress();
    show();
  };
  for (const { button, value } of units) button.addEventListener('click', choose(() => { chosen.period = newest(value); }));
  for (const { button, value } of ranges) button.addEventListener('click', choose(() => { chosen.range = value; }));
  for (const { button, value } of tags) {
    button.addEventListener('click', choose(() => {
      const others = chosen.tags.filter(tag => tag !== value);
      chosen.tags = others.length === chosen.tags.length ? [...others, value] : others;
    }));
  }
  const move = sign => choose(() => {
    const { unit, first, last } = chosen.period;
    chosen.period = period(unit, first + sign * (last - first));
  });
  earlier.addEventListener('click', move(-1));
  later.addEventListener('click', move(1));
  return () => {
    const { period: within } = chosen;
    for (const { button, value } of units) button.setAttribute('aria-pressed', value === within.unit);
    for (const { button, value } of ranges) button.setAttribute('aria-pressed', value === chosen.range);
    for (const { button, value } of tags) button.setAttribute('aria-pressed', chosen.tags.includes(value));
    step.hidden = within === ROLL;
    const text = `${within.label}${within.isOver === false ? ', so far' : ''}`;
    label.textContent = text;
    if (within !== ROLL) {
      const [first, last] = bounds(within.unit);
      earlier.disabled = within.first <= first;
      later.disabled = within.first >= last;
    }
    const summary = find('chosen');
    summary.textContent = [`Gains of ${text}`, ...(chosen.tags.length ? [`accounts with ${chosen.tags.join(' or ')}`] : [])].join('; ');
    summary.hidden = false;
  };
}

document.addEventListener('DOMContentLoaded', () => {
  find('theme').addEventListener('click', () => {
    const isDark = getComputedStyle(root).colorScheme === 'light dark'
      ? matchMedia('(prefers-color-scheme: dark)').matches : root.dataset.theme === 'dark';
    remembered.theme = root.dataset.theme = isDark ? 'light' : 'dark';
  });
  const table = find('accounts');
  if (!table) {
    root.dataset.ready = '';
    return;
  }
  for (const row of table.tBodies[0].rows) rowsByIndex[Number(row.dataset.index)] = row;
  sections.push(...document.querySelectorAll('.account'));
  ['accounts', 'trouble'].forEach(keepTile);
  readAddress();
  const { showTable, showRows } = accountTable(table);

  const showChooser = chooser(() => show());
  function show() {
    showChooser();
    showOverview();
    showTable();
  }
  show();

  // `toggle` does not bubble, so this listens in the capture phase.
  document.addEventListener('toggle', event => {
    const account = event.target.closest('.account');
    if (!account || !event.target.open) return;
    if (event.target === account) {
      seen.unobserve(account);
      seen.observe(account);
    } else if (event.target.classList.contains('tabulated')) {
      tabulate(account);
    }
  }, true);
  find('open-all').addEventListener('click', event => {
    const isOpening = event.target.getAttribute('aria-pressed') !== 'true';
    event.target.setAttribute('aria-pressed', isOpening);
    event.target.textContent = isOpening ? 'Close all' : 'Open all';
    for (const account of sections) if (!account.hidden) account.open = isOpening;
  });
  find('happened').querySelector('.more').addEventListener('click', () => {
    shownEvents = Infinity;
    showEvents();
  });

  // A link to an account opens its section and keeps the reader's choices in the address.
  function open(anchor) {
    const account = find(anchor);
    if (!account?.matches('.account')) return false;
    account.open = true;
    showRows();
    account.hidden = false;
    build(account);
    account.scrollIntoView();
    account.querySelector('summary').focus({ preventScroll: true });
    return true;
  }
  document.addEventListener('click', event => {
    const link = event.target.closest('a[href^="#a-"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    chosen.anchor = link.getAttribute('href').slice(1);
    writeAddress();
    open(chosen.anchor);
  });
  addEventListener('hashchange', () => {
    readAddress();
    if (find(chosen.anchor) && !open(chosen.anchor)) find(chosen.anchor).scrollIntoView();
    show();
  });
  if (chosen.anchor) open(chosen.anchor);

  let resized;
  addEventListener('resize', () => {
    clearTimeout(resized);
    resized = setTimeout(() => {
      widths = new WeakMap();
      showTotals();
      showComparison();
      watch();
    }, 150);
  });
  // Prints the accounts chosen for comparison, or else the open ones.
  addEventListener('beforeprint', () => {
    isPrinting = true;
    showRows();
    showTotals();
    showComparison();
    const picked = new Set(chosen.compare.map(id => find(`a-${id}`)).filter(Boolean));
    const printed = sections.filter(account => (picked.size ? picked.has(account) : account.open && !account.hidden));
    for (const account of sections) {
      account.classList.remove('printed', 'second');
      account.wasOpen = account.open;
    }
    printed.forEach((account, n) => {
      account.classList.add('printed');
      account.classList.toggle('second', n % 2 === 1);
      account.open = true;
      build(account);
    });
    find('sections').classList.toggle('unprinted', !printed.length);
  });
  addEventListener('afterprint', () => {
    isPrinting = false;
    showRows();
    showTotals();
    showComparison();
    for (const account of sections) account.open = account.wasOpen;
  });
  root.dataset.ready = '';
});
