// A count over time, as SVG that keys and pointers move along.

const KINDS = { f: 'Followers', l: 'Likes', e: 'Engagement rate' };

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
