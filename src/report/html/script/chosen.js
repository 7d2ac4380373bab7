// The reader's choices, which are kept in the fragment of the page's address:
// #a-clx123&period=2026-10&range=1y&tag=client-a&compare=clx1,clx2&q=jose

const MOST_COMPARED = 8;
const chosen = { period: ROLL, range: 'all', tags: [], compare: [], search: '', anchor: '' };

function readAddress() {
  const decoded = text => {
    try { return decodeURIComponent(text); } catch { return text; }
  };
  const tags = new Set([...document.querySelectorAll('#tags button')].map(button => button.textContent));
  Object.assign(chosen, { period: ROLL, range: 'all', tags: [], compare: [], search: '', anchor: '' });
  for (const part of location.hash.slice(1).split('&')) {
    const [key, ...rest] = part.split('=');
    const value = decoded(rest.join('='));
    if (!rest.length) chosen.anchor = decoded(key);
    else if (key === 'period') chosen.period = parsed(value) ?? ROLL;
    else if (key === 'range' && ['1y', '90d'].includes(value)) chosen.range = value;
    else if (key === 'tag' && tags.has(value)) chosen.tags.push(value);
    else if (key === 'compare') chosen.compare = value.split(',').filter(Boolean).slice(0, MOST_COMPARED);
    else if (key === 'q') chosen.search = value;
  }
}

function writeAddress() {
  const encoded = encodeURIComponent;
  const parts = [
    chosen.anchor && encoded(chosen.anchor),
    chosen.period !== ROLL && `period=${chosen.period.key}`,
    chosen.range !== 'all' && `range=${chosen.range}`,
    ...chosen.tags.map(tag => `tag=${encoded(tag)}`),
    chosen.compare.length && `compare=${chosen.compare.map(encoded).join(',')}`,
    chosen.search && `q=${encoded(chosen.search)}`,
  ].filter(Boolean);
  try { window.history.replaceState(null, '', `#${parts.join('&')}`); } catch { /* refused inside some frames */ }
}

// Returns the time range that charts show: the whole history, or the chosen length up to the period's
// end.
function shownRange() {
  const { now } = stored();
  const length = { '1y': 365 * DAY, '90d': 90 * DAY }[chosen.range];
  if (!length) return [-Infinity, Infinity];
  const to = chosen.period === ROLL ? now : Math.min(now, chosen.period.to);
  return [to - length, to];
}

// Returns the period to highlight in charts, unless it is just the newest days.
const shownBand = () => (chosen.period === ROLL ? null : [chosen.period.from, chosen.period.to]);
