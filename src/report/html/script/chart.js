// Interactive SVG charts of values over time, operated by pointer or keyboard.

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
const fixed = n => n.toFixed(1);

// The minimum span of a scale, relative to its largest value, so that a change of a thousandth looks
// small.
const MIN_SPAN = 0.05;

function scale(values, { isRate, base, fromZero }) {
  let low = values.reduce((least, v) => Math.min(least, v), Infinity);
  let high = values.reduce((most, v) => Math.max(most, v), -Infinity);
  if (fromZero) [low, high] = [Math.min(0, low), Math.max(0, high)];
  const least = isRate ? 1 : fromZero ? 4 : Math.max(Math.abs(high) * MIN_SPAN, base ? 10 : 4);
  const lacking = Math.max(0, least - (high - low)) / 2;
  const room = (high - low) * 0.08;
  const isPositive = low >= 0;
  low -= fromZero && low === 0 ? 0 : lacking + room;
  high += fromZero && high === 0 ? 0 : lacking + room;
  return [isPositive ? Math.max(0, low) : low, high];
}

// Returns the width and height of a chart. On a screen it takes the available width; on paper (A4,
// in CSS pixels) two accounts fit on a page.
const PAPER = { wide: 690, half: 330, third: 215 };
let isPrinting = false;
// Measured once until the window is resized, because measuring makes a browser lay out the page.
let widths = new WeakMap();
function sizeOf(plot, shape) {
  if (isPrinting) return [PAPER[shape], shape === 'wide' ? 140 : 112];
  if (!widths.has(plot)) widths.set(plot, Math.max(220, Math.round(plot.clientWidth)));
  return [widths.get(plot), shape === 'wide' ? 224 : 176];
}

// Draws lines or bars over `times`. Each of `lines` has `values` (null: none), the `gaps` [from, to] in
// which nothing was measured, and the indices of `suspect` values. The bar at index i ends at `edges[i]`.
// `marks` are events with a time, a kind and a text. `describe` returns a text for an index.
function chart(plot, { times, lines, bars, edges, marks = [], band, range, isRate, base, shape, title, describe, point: pointed }) {
  const [width, height] = sizeOf(plot, shape);
  const labels = lines.length > 1 ? Math.min(150, width * 0.24) : 0;
  const inner = { left: 52, right: width - 10 - labels, top: marks.length ? 20 : 12, bottom: height - 24 };
  const isShown = i => times[i] >= range[0] && times[i] <= range[1] && lines.some(({ values }) => values[i] !== null);
  const shown = [...times.keys()].filter(isShown);
  if (!shown.length) {
    plot.replaceChildren(node('p', { class: 'empty' }, 'Nothing was measured in this time.'));
    return;
  }
  const scaled = lines.flatMap(({ values, suspect }) => {
    const reported = shown.filter(i => values[i] !== null);
    const measured = reported.filter(i => !suspect?.has(i));
    return (measured.length ? measured : reported).map(i => values[i]);
  });
  const [low, high] = scale(scaled, { isRate, base, fromZero: bars });
  let [from, to] = [times[shown[0]], bars ? edges[shown[shown.length - 1]] : times[shown[shown.length - 1]]];
  if (from === to) [from, to] = [from - 12 * HOUR, to + 12 * HOUR];
  const x = t => inner.left + ((t - from) / (to - from)) * (inner.right - inner.left);
  const y = v => inner.bottom - ((Math.min(high, Math.max(low, v)) - low) / (high - low)) * (inner.bottom - inner.top);

  const svg = drawn('svg', { viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: 'slider' });
  const add = (name, attributes, text) => {
    const made = drawn(name, attributes);
    if (text !== undefined) made.textContent = text;
    svg.append(made);
    return made;
  };
  if (band && band[1] > from && band[0] < to) {
    const [start, end] = [x(Math.max(from, band[0])), x(Math.min(to, band[1]))];
    add('rect', { class: 'band', x: fixed(start), y: inner.top, width: fixed(end - start), height: inner.bottom - inner.top });
  }
  const gapsBetween = (gaps, i, next) => (gaps ?? []).filter(([start, end]) => start < times[next] && end > times[i]);
  const measured = lines.map(({ values, suspect }) => shown.filter(i => values[i] !== null && !suspect?.has(i)));
  if (lines.length === 1 && !bars) {
    measured[0].slice(1).forEach((i, n) => {
      const before = measured[0][n];
      for (const [start, end] of gapsBetween(lines[0].gaps, before, i)) {
        const left = x(Math.max(start, times[before]));
        add('rect', { class: 'gap', x: fixed(left), y: inner.top, width: fixed(x(Math.min(end, times[i])) - left), height: inner.bottom - inner.top });
      }
    });
  }
  for (const v of numberTicks(low, high, height < 150 ? 3 : 5)) {
    add('line', { class: v === 0 && bars ? 'grid zero' : 'grid', x1: inner.left, x2: inner.right, y1: fixed(y(v)), y2: fixed(y(v)) });
    add('text', { x: inner.left - 8, y: fixed(y(v) + 4), 'text-anchor': 'end' }, isRate ? number(v, 'e') : short(v));
  }
  for (const [t, label] of timeTicks(from, to, Math.max(2, (inner.right - inner.left) / 80))) {
    if (x(t) > inner.right - 14) continue;
    add('text', { x: fixed(x(t)), y: height - 6, 'text-anchor': x(t) < inner.left + 18 ? 'start' : 'middle' }, label);
  }
  lines.forEach(({ values, gaps, suspect, color }, line) => {
    if (bars) {
      for (const i of measured[line]) {
        const [start, end] = [x(times[i]), x(edges[i])];
        const gap = Math.min(2, (end - start) * 0.2);
        const [top, foot] = [Math.max(values[i], 0), Math.min(values[i], 0)].map(y);
        add('rect', {
          class: values[i] < 0 ? 'fell' : 'rose', x: fixed(start + gap / 2), y: fixed(top),
          width: fixed(Math.max(0.5, end - start - gap)), height: fixed(Math.max(values[i] ? 1 : 0, foot - top)),
        });
      }
      return;
    }
    const paint = color === undefined ? '' : ` line${color}`;
    let path = '';
    const alone = [];
    measured[line].forEach((i, n) => {
      const isBroken = (before, after) => gapsBetween(gaps, before, after).length > 0;
      const starts = n === 0 || isBroken(measured[line][n - 1], i);
      const next = measured[line][n + 1];
      const ends = next === undefined || isBroken(i, next);
      path += `${starts ? 'M' : 'L'}${fixed(x(times[i]))} ${fixed(y(values[i]))}`;
      if (starts && ends) alone.push(i);
    });
    if (path) add('path', { class: `curve${paint}`, d: path });
    for (const i of alone) add('circle', { class: `dot${paint}`, r: 3, cx: fixed(x(times[i])), cy: fixed(y(values[i])) });
    for (const i of shown) {
      if (suspect?.has(i) && values[i] !== null) add('circle', { class: 'suspect', r: 3.5, cx: fixed(x(times[i])), cy: fixed(y(values[i])) });
    }
  });
  if (labels) nameLines(add, lines, measured, { x, y, times, inner, width });
  for (const { time, kind, text } of marks) {
    if (time < from || time > to) continue;
    const made = add('g', { class: `mark ${kind}` });
    made.append(drawn('line', { x1: fixed(x(time)), x2: fixed(x(time)), y1: 12, y2: inner.bottom }));
    const position = `translate(${fixed(x(time))} 7)`;
    const shape = { milestone: 'M0-5L4.8 4H-4.8Z', unusual: 'M-4-4H4V4H-4Z', profile: 'M0-5L5 0L0 5L-5 0Z' }[kind];
    made.append(drawn('path', { d: shape, transform: position }));
    const hint = drawn('title', {});
    hint.textContent = `${day(time)}: ${text}`;
    made.append(hint);
  }

  const cursor = add('line', { class: 'cursor', y1: inner.top, y2: inner.bottom, visibility: 'hidden' });
  const spots = bars ? [] : lines.map(({ color }) => add('circle', { class: `spot${color === undefined ? '' : ` line${color}`}`, r: 4, visibility: 'hidden' }));
  const middle = i => (bars ? (times[i] + edges[i]) / 2 : times[i]);
  const last = shown.length - 1;
  svg.setAttribute('aria-label', `${title}, ${shown.length} values: ${describe(shown[0])}` + (last ? `, to ${describe(shown[last])}` : ''));
  svg.setAttribute('aria-valuemin', 1);
  svg.setAttribute('aria-valuemax', last + 1);
  let current = last;
  const point = (n, visible) => {
    current = Math.min(last, Math.max(0, n));
    const i = shown[current];
    svg.setAttribute('aria-valuenow', current + 1);
    svg.setAttribute('aria-valuetext', describe(i));
    pointed(i);
    cursor.setAttribute('visibility', visible ? 'visible' : 'hidden');
    for (const key of ['x1', 'x2']) cursor.setAttribute(key, fixed(x(middle(i))));
    spots.forEach((spot, line) => {
      const value = lines[line].values[i];
      spot.setAttribute('visibility', visible && value !== null ? 'visible' : 'hidden');
      if (value === null) return;
      spot.setAttribute('cx', fixed(x(times[i])));
      spot.setAttribute('cy', fixed(y(value)));
    });
  };
  const near = event => {
    const box = svg.getBoundingClientRect();
    const t = from + (((event.clientX - box.left) / box.width) * width - inner.left) / (inner.right - inner.left) * (to - from);
    let [a, b] = [0, last];
    while (a < b) {
      const half = (a + b) >> 1;
      if (middle(shown[half]) < t) a = half + 1; else b = half;
    }
    point(a > 0 && t - middle(shown[a - 1]) < middle(shown[a]) - t ? a - 1 : a, true);
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

// Writes the names of lines at their ends, moved apart so that they do not overlap.
function nameLines(add, lines, measured, { x, y, times, inner, width }) {
  const ends = lines.map((line, n) => {
    const i = measured[n][measured[n].length - 1];
    return i === undefined ? null : { line, x: x(times[i]), y: y(line.values[i]) };
  }).filter(Boolean).sort((a, b) => a.y - b.y);
  const gap = 13;
  ends.forEach((end, n) => { if (n) end.y = Math.max(end.y, ends[n - 1].y + gap); });
  for (let n = ends.length - 1; n >= 0; n -= 1) {
    const most = n === ends.length - 1 ? inner.bottom : ends[n + 1].y - gap;
    ends[n].y = Math.min(ends[n].y, most);
  }
  const letters = Math.floor((width - inner.right - 8) / 6.4);
  for (const { line, y: height } of ends) {
    const name = line.name.length > letters ? `${line.name.slice(0, letters - 1)}…` : line.name;
    add('text', { class: `name line${line.color}`, x: inner.right + 8, y: fixed(height + 4) }, name);
  }
}
