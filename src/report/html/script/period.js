// Periods: 30 days up to each account's newest measurement, or a week, month, quarter or year, in
// UTC. Boundaries are numbered: weeks since January 1970, months since the year 0.

const FIRST_MONDAY = 4 * DAY, WEEK = 7 * DAY;
const MONTHS_OF = { month: 1, quarter: 3, year: 12 };
const weekStart = week => FIRST_MONDAY + week * WEEK;
const monthStart = month => Date.UTC(Math.floor(month / 12), month % 12) / 1000;
const weekOf = time => Math.floor((time - FIRST_MONDAY) / WEEK);
function monthOf(time) {
  const date = new Date(time * 1000);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

// An ISO week belongs to the year of its Thursday.
function weekName(week) {
  const thursday = new Date((weekStart(week) + 3 * DAY) * 1000);
  const year = thursday.getUTCFullYear();
  return `${year}-W${two(Math.floor((thursday.getTime() / 1000 - Date.UTC(year, 0) / 1000) / WEEK) + 1)}`;
}

const ROLL = { unit: 'roll', key: '30d', label: 'the last 30 days', short: '30 days', within: 'in 30 days' };

// Returns the period of a unit that begins at a boundary.
function period(unit, boundary) {
  if (unit === 'roll') return ROLL;
  const steps = MONTHS_OF[unit];
  if (!steps) {
    const [from, to] = [weekStart(boundary), weekStart(boundary + 1)];
    const label = `${weekName(boundary)}, ${day(from)} to ${day(to - DAY)}`;
    return named({ unit, first: boundary, last: boundary + 1, from, to, key: weekName(boundary), label, short: weekName(boundary) });
  }
  const [year, month] = [Math.floor(boundary / 12), boundary % 12];
  const key = unit === 'month' ? `${year}-${two(month + 1)}` : unit === 'quarter' ? `${year}-Q${month / 3 + 1}` : `${year}`;
  const label = unit === 'month' ? `${MONTHS[month]} ${year}` : unit === 'quarter' ? `Q${month / 3 + 1} ${year}` : `${year}`;
  return named({ unit, first: boundary, last: boundary + steps, from: monthStart(boundary), to: monthStart(boundary + steps), key, label, short: label });
}
function named(dates) {
  const isOver = dates.to <= stored().now;
  return { ...dates, isOver, within: `in ${dates.short}${isOver ? '' : ', so far'}` };
}

// Returns the period that a key in the address names, or null if the key is invalid.
function parsed(key) {
  let match;
  if (key === '30d') return ROLL;
  if ((match = /^(\d{4})-W(\d{2})$/.exec(key))) {
    const week = weekOf(Date.UTC(Number(match[1]), 0, 4) / 1000) + Number(match[2]) - 1;
    return weekName(week) === key ? period('week', week) : null;
  }
  if ((match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(key))) return period('month', match[1] * 12 + Number(match[2]) - 1);
  if ((match = /^(\d{4})-Q([1-4])$/.exec(key))) return period('quarter', match[1] * 12 + (match[2] - 1) * 3);
  if ((match = /^(\d{4})$/.exec(key))) return period('year', match[1] * 12);
  return null;
}

// Returns until when most of the chosen accounts are measured.
function reached() {
  const times = counted().map(one => one.time).filter(time => time !== undefined).sort((a, b) => b - a);
  return Math.min(stored().now, times[Math.floor(times.length / 2)] ?? Infinity);
}

// Returns the newest period of a unit to whose end most accounts are measured, or the one after it if no
// history is that long.
function newest(unit) {
  if (unit === 'roll') return ROLL;
  const [first, last] = bounds(unit, reached());
  const over = last - (MONTHS_OF[unit] ?? 1);
  return period(unit, over < first ? last : over);
}

// Returns the boundaries at which the first period of a unit begins, and the last one up to an instant.
function bounds(unit, until = stored().now) {
  const kind = unit === 'week' ? 'week' : 'month';
  const steps = MONTHS_OF[unit] ?? 1;
  const starts = allAccounts().filter(one => one[kind].values.length).map(one => one[kind].first);
  const latest = kind === 'week' ? weekOf(until) : monthOf(until);
  const last = latest - (latest % steps);
  const first = starts.reduce((least, start) => Math.min(least, start), Infinity);
  // The first period that begins within a history.
  return [Math.min(last, Math.ceil(first / steps) * steps), last];
}

// Returns an account's gain in a period, or null if its count is not known at both ends.
function gain(one, { unit, first, last, isOver }) {
  if (unit === 'roll') return one.roll;
  const kind = one[unit === 'week' ? 'week' : 'month'];
  const from = at(kind, first);
  let [end, rounding] = [at(kind, last), roundingAt(kind, last)];
  // An unfinished period ends at the newest measurement.
  if (end === null && !isOver && from !== null) [end, rounding] = [one.count, one.rounding];
  if (from === null || end === null) return null;
  const start = at(kind, first - (last - first));
  return { by: end - from, from, end, before: start === null ? null : from - start, rounding };
}

// Returns whether only a measurement after a period's end is lacking to know the gain in it.
function isAwaited(one, { unit, first, to, isOver }) {
  if (unit === 'roll' || !isOver || !one.isListed) return false;
  const kind = one[unit === 'week' ? 'week' : 'month'];
  return kind.values.length > 0 && kind.first <= first && one.time < to;
}

// Returns an account's count at the end of a period, or null if it is not known. A period that is not over
// ends at the newest measurement.
function countAtEnd(one, { unit, last, from, isOver }) {
  if (unit === 'roll') return one.count ?? null;
  const value = at(one[unit === 'week' ? 'week' : 'month'], last);
  return value === null && !isOver && one.time >= from ? one.count : value;
}

// Returns whether a gain may be due to rounding alone.
const isRough = gained => Math.abs(gained.by) < 2 * (gained.rounding ?? 0);
const permille = gained => (gained.from > 0 && !isRough(gained) ? gained.by / gained.from : null);

// Returns the total over accounts, like for like, and of how many it could have been.
function total(accounts, chosen) {
  const all = accounts.map(one => ({ one, gained: gain(one, chosen) }));
  const gains = all.map(({ gained }) => gained).filter(Boolean);
  const sum = part => gains.reduce((n, gained) => n + part(gained), 0);
  return {
    count: gains.length, of: all.filter(({ one, gained }) => one.isListed || gained).length, by: sum(gained => gained.by), from: sum(gained => gained.from), end: sum(gained => gained.end),
    before: gains.every(gained => typeof gained.before === 'number') ? sum(gained => gained.before) : null,
  };
}
