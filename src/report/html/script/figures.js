// Formats numbers and dates, and picks round ones for a chart's ticks.

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

// Returns ticks at round numbers, about `most` of them.
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
    // 1 January 1970 was a Thursday; weekly ticks are shifted by four days to fall on Mondays.
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
