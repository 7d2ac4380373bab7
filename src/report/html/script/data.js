// The numbers of all accounts. What lies at a boundary of a week or month was reckoned by the
// database, as its views do; here it is only taken, subtracted and added up.

let everything, people;
function stored() {
  everything ??= JSON.parse(find('data').textContent);
  return everything;
}

// Counts and times are stored as the difference to the value before; null is what was not told.
function summed(column) {
  let sum = 0;
  return column?.map(step => (step === null ? null : (sum += step)));
}

function boundaries(column) {
  if (!column) return { first: 0, values: [] };
  return { first: column[0], values: summed(column.slice(1)) };
}

// The accounts in the order of the page, with what sums need; behind them those that are in sums alone.
function everybody() {
  people ??= stored().accounts.map((account, place) => {
    const [time, count, by, before, rounding] = account.n ?? [];
    return {
      place, isListed: Boolean(account.on), time, count, rounding,
      roll: by === undefined || by === null ? null : { by, before, from: count - by, end: count, rounding },
      week: boundaries(account.w), month: boundaries(account.m),
    };
  });
  return people;
}

function at({ first, values }, boundary) {
  return values[boundary - first] ?? null;
}

// The history of the account at this place, in columns of equal length.
function history(place) {
  const account = stored().accounts[place];
  return {
    times: summed(account.t),
    f: summed(account.f),
    l: summed(account.l),
    e: account.e,
    suspect: new Set(account.s),
    breaks: Object.fromEntries(Object.keys(KINDS).map(kind => [kind, new Set(account['b' + kind])])),
  };
}
