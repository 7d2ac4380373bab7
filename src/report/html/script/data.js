// The data of all accounts. The database computed the values at the boundaries of weeks and months,
// as for its views; here they are only looked up, subtracted and added.

let parsedData, loadedAccounts;
function stored() {
  parsedData ??= JSON.parse(find('data').textContent);
  return parsedData;
}

// Counts and times are delta-encoded; null is a value that the vendor did not report.
function summed(column) {
  let sum = 0;
  return column?.map(step => (step === null ? null : (sum += step)));
}

function boundaries(column, roundings = []) {
  if (!column) return { first: 0, values: [], roundings };
  return { first: column[0], values: summed(column.slice(1)), roundings };
}

// Returns what totals need of each account: first those shown, in the page's order, then removed ones
// that are in totals only.
function allAccounts() {
  loadedAccounts ??= stored().accounts.map((account, index) => {
    const [time, count, by, before, rounding] = account.n ?? [];
    return {
      index, isListed: account.off === undefined, time, count, rounding,
      roll: by === undefined || by === null ? null : { by, before, from: count - by, end: count, rounding },
      week: boundaries(account.w, account.rw), month: boundaries(account.m, account.rm),
    };
  });
  return loadedAccounts;
}

function at({ first, values }, boundary) {
  return values[boundary - first] ?? null;
}

// Returns the unit to which the value at a boundary is rounded; 0 if it is exact.
function roundingAt({ roundings }, boundary) {
  return roundings.filter(([from]) => from <= boundary).pop()?.[1] ?? 0;
}

const eventsOf = index => (stored().accounts[index].v ?? []).map(([time, kind, text, dated]) => ({ index, time, kind, text, dated }));

// Returns an account's history, in columns of equal length, and which values of each are suspect.
function history(index) {
  const account = stored().accounts[index];
  const suspect = new Set(account.s);
  return {
    times: summed(account.t),
    f: summed(account.f),
    l: summed(account.l),
    e: account.e,
    suspect: { f: suspect, l: new Set([...suspect, ...(account.sl ?? [])]), e: suspect },
    gaps: account.g ?? [],
  };
}
