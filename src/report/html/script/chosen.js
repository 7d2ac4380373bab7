// What the reader chose, which the fragment of the page's address holds:
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
  const kept = encodeURIComponent;
  const parts = [
    chosen.anchor && kept(chosen.anchor),
    chosen.period !== ROLL && `period=${chosen.period.key}`,
    chosen.range !== 'all' && `range=${chosen.range}`,
    ...chosen.tags.map(tag => `tag=${kept(tag)}`),
    chosen.compare.length && `compare=${chosen.compare.map(kept).join(',')}`,
    chosen.search && `q=${kept(chosen.search)}`,
  ].filter(Boolean);
  try { window.history.replaceState(null, '', `#${parts.join('&')}`); } catch { /* a page in a frame */ }
}

// What charts show: the whole history, or so long up to the period's end.
function shownRange() {
  const { now } = stored();
  const length = { '1y': 365 * DAY, '90d': 90 * DAY }[chosen.range];
  if (!length) return [-Infinity, Infinity];
  const to = chosen.period === ROLL ? now : Math.min(now, chosen.period.to);
  return [to - length, to];
}

// The period as a band on a chart, where it is not the newest days anyway.
const shownBand = () => (chosen.period === ROLL ? null : [chosen.period.from, chosen.period.to]);
