-- The macros of tables.sql, of views.sql and of the queries in Rust, such as
-- src/store/account_growth.rs.

-- A text, or NULL if it is only white space (as Unicode defines it).
macro unless_blank(text)
CASE WHEN trim($text, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196,
      8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) <> '' THEN $text END
end

-- The first columns of every view about accounts, from _account a and _profile p.
macro who()
a.account_id,
       CAST(name!() AS TEXT) AS name,
       a.label, p.username, p.platform
end

-- What account `a` with the profile `p` is called everywhere.
macro name()
coalesce(a.label, p.name, a.account_id)
end

macro utc(time)
CAST(strftime('%Y-%m-%dT%H:%M:%SZ', $time, 'unixepoch') AS TEXT)
end

-- A number rounded to tenths, and to hundredths. SQLite's own round() with digits differs between its
-- versions where a number lies halfway, and makes -0.0 of a small loss.
macro tenths(number)
round(($number) * 10.0) / 10.0
end

macro hundredths(number)
round(($number) * 100.0) / 100.0
end

-- A number of seconds in days, to a thousandth. The factor is 1000 / 86400.
macro days(seconds)
round(($seconds) * 10 / 864.0) / 1000.0
end

-- Since when account `a` owes something at the given time: an open slot (which may be still to come
-- if the clock went back), a baseline whose calls failed, or what next_due says. NULL: it owes
-- nothing.
macro owed_since(a, now)
CASE WHEN $a.next_due IS NULL THEN NULL
         WHEN $a.phase = 2 AND $a.open_slot <= $now THEN $a.open_slot
         WHEN $a.phase = 0 AND $a.tries > 0 THEN $a.active_time
         WHEN $a.next_due <= $now THEN $a.next_due END
end

-- The accounts that may be overdue or failing at the given time, found by index. Nothing is overdue
-- within the first hour (see tolerance!), so that those of a slot that has just come are not read.
-- SQLite would otherwise read the whole table, in the order in which it merges the three.
macro late(now)
(SELECT account FROM _account INDEXED BY _account_due WHERE next_due < $now - 3600
  UNION SELECT account FROM _account WHERE last_failure IS NOT NULL
  UNION SELECT account FROM _account WHERE open_slot IS NOT NULL)
end

-- Whether account `a` is overdue at the given time. The same as is_overdue() in src/store/read.rs.
macro is_overdue(a, now)
($now - ifnull(owed_since!($a, $now), $now) > tolerance!($a))
end

-- Whether account `a` is shown as failing.
macro is_failing(a)
($a.is_failing = 1 AND $a.next_due IS NOT NULL)
end

-- Whether the last call for what account `a` owes has failed, but the account is neither.
macro is_retrying(a, now)
($a.tries > 0 AND $a.next_due IS NOT NULL AND NOT (is_overdue!($a, $now) OR is_failing!($a)))
end

-- Whether a ledger line is pending, found without reading the whole ledger (see _spend).
macro pending()
refresh_id >= ifnull((SELECT max(first_pending) FROM _spend), 0) AND outcome = 0
end

-- How many seconds account `a` may owe something before it is overdue. The same as on_time() in
-- src/schedule/mod.rs.
macro tolerance(a)
max(3600, $a.interval / 50)
end

-- Joins the account's newest snapshot in which the count is measured, as `row`.
macro newest(row, count, account)
LEFT JOIN _snapshot $row ON $row.account = $account AND $row.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = $account AND b.measured_$count IS NOT NULL
  ORDER BY b.refresh_id DESC LIMIT 1)
end

-- Joins the account's measured neighbours of an instant: the last one at or before it as `at`_l,
-- and the next one as `at`_u. `limit` is an upper bound for the refresh_id of the first. `newest`
-- is the row of newest!(), which keeps a count that was never measured from being searched for.
macro neighbours(at, count, account, instant, limit, newest)
LEFT JOIN _snapshot $at_l ON $at_l.account = $account AND $at_l.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = $account AND b.refresh_id <= $limit
    AND b.time <= $instant AND b.measured_$count IS NOT NULL
  ORDER BY b.refresh_id DESC LIMIT 1)
LEFT JOIN _snapshot $at_u ON $at_u.account = $account AND $at_u.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = $account AND b.refresh_id <= $newest.refresh_id
    AND b.refresh_id > ifnull($at_l.refresh_id, -9223372036854775807)
    AND b.measured_$count IS NOT NULL
  ORDER BY b.refresh_id LIMIT 1)
end

-- The value at an instant: interpolated between its neighbours, or the first value if the history
-- starts up to 12 hours (43200 s) after the instant. NULL if it starts later, or ends before it.
macro value(at, count, instant)
CASE
         WHEN $at_l.time = $instant THEN $at_l.measured_$count
         WHEN $at_l.time IS NOT NULL THEN $at_l.measured_$count + CAST(round(
           ($at_u.measured_$count - $at_l.measured_$count) * 1.0
             * ($instant - $at_l.time) / ($at_u.time - $at_l.time)) AS INTEGER)
         WHEN $at_u.time - ($instant) <= 43200 THEN $at_u.measured_$count
       END
end

-- Joins the neighbours of an instant for all counts at once: the snapshots measured as a whole.
-- These usually have every count, and are then the neighbours of each (see value_of!()).
macro all_neighbours(at, instant, limit)
LEFT JOIN _snapshot $at_l ON $at_l.account = a.account AND $at_l.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.refresh_id <= $limit
    AND b.time <= $instant AND b.is_measured
  ORDER BY b.refresh_id DESC LIMIT 1)
LEFT JOIN _snapshot $at_u ON $at_u.account = a.account AND $at_u.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.refresh_id > ifnull($at_l.refresh_id, -9223372036854775807)
    AND b.is_measured
  ORDER BY b.refresh_id LIMIT 1)
end

-- The value at an instant, from the rows joined by all_neighbours!(). If these lack the count,
-- searches for its own neighbours, unless it was not measured before the instant (`oldest` is the row
-- with the earliest time of those that have it) or ever (then there is neither row).
macro value_of(at, count, instant, oldest, newest)
CASE
         WHEN ($at_l.time IS NULL OR $at_l.measured_$count IS NOT NULL)
           AND ($at_u.measured_$count IS NOT NULL OR $at_l.time = $instant)
         THEN value!($at, $count, $instant)
         WHEN $oldest.time - ($instant) <= 43200 THEN (
           SELECT value!(own, $count, $instant) FROM (SELECT 1)
           neighbours!(own, $count, a.account, $instant, min($at_l.refresh_id, $newest.refresh_id), $newest))
       END
end

-- The newest measured value of a column before snapshot l.
macro last_measured(column)
(
         SELECT b.$column FROM _snapshot b
         WHERE b.account = a.account AND b.refresh_id < l.refresh_id
           AND b.suspect < 2 AND b.$column IS NOT NULL
         ORDER BY b.refresh_id DESC LIMIT 1)
end

-- Until when an account in periods!() is measured: by its newest measurement, or by the newest one of a
-- count, whose time is later if the clock was set back since.
macro last_time()
max(n.time
-- each
  , ifnull({x}n.time, n.time)
-- end
  )
end

-- An account's weeks or months that had ended by its newest measurement. n is that measurement, and {x}n
-- that of a count. o is the measurement with the earliest time, which is not its first if the clock was
-- set back, and {x}o the same for a count; e and s lie at the end and the start of the period. A history
-- that was imported without a count would else be read to its beginning for each period.
macro periods(calendar, period)
SELECT who!(),
       w.$period, w.from_time, w.from_utc, w.to_time, w.to_utc,
-- each
       CAST(value_of!(e, {X}, w.to_time, {x}o, {x}n) AS INTEGER) AS {X},
       CAST(value_of!(e, {X}, w.to_time, {x}o, {x}n) - value_of!(s, {X}, w.from_time, {x}o, {x}n) AS INTEGER) AS {X}_delta,
-- end
       CAST((
         SELECT b.refresh_id FROM _snapshot b
         WHERE b.account = a.account AND b.refresh_id <= e_l.refresh_id
           AND b.is_measured AND b.time >= w.from_time AND b.time < w.to_time
         ORDER BY b.refresh_id DESC LIMIT 1) IS NOT NULL AS INTEGER) AS is_measured
FROM _account a
LEFT JOIN _profile p ON p.account = a.account
JOIN _snapshot o ON o.account = +a.account AND o.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.is_measured ORDER BY b.time LIMIT 1)
JOIN _snapshot n ON n.account = +a.account AND n.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.is_measured ORDER BY b.refresh_id DESC LIMIT 1)
-- each
newest!({x}n, {X}, a.account)
LEFT JOIN _snapshot {x}o ON {x}o.account = a.account AND {x}o.refresh_id = CASE
  WHEN o.measured_{X} IS NOT NULL THEN o.refresh_id
  WHEN {x}n.refresh_id IS NOT NULL THEN (
    SELECT b.refresh_id FROM _snapshot b
    WHERE b.account = a.account AND b.measured_{X} IS NOT NULL ORDER BY b.time LIMIT 1)
END
-- end
JOIN $calendar w ON w.from_time BETWEEN o.time - 2678400 AND last_time!()
  AND w.to_time > o.time AND w.to_time <= last_time!()
all_neighbours!(e, w.to_time, n.refresh_id)
all_neighbours!(s, w.from_time, e_l.refresh_id)
end

-- The exact sum. sum() fails if that is above 2^63, and total() is exact only up to 2^53.
macro total(value)
sum(($value) >> 32) * 4294967296 + sum(($value) & 4294967295)
end

-- Like for like: each sum covers the accounts whose count is known at both ends. The tags come
-- first, so that only the accounts with the requested tags are read.
macro tag_periods(view, period)
SELECT t.tag, w.$period, w.from_time, w.from_utc, w.to_time, w.to_utc,
       CAST(count(w.followers_delta) AS INTEGER) AS accounts,
       CAST(CASE WHEN count(w.followers_delta) > 0 THEN total!(CASE WHEN w.followers_delta IS NOT NULL THEN w.followers END) END AS INTEGER) AS followers,
       CAST(CASE WHEN count(w.followers_delta) > 0 THEN total!(w.followers_delta) END AS INTEGER) AS followers_delta,
       CAST(CASE WHEN count(w.likes_delta) > 0 THEN total!(CASE WHEN w.likes_delta IS NOT NULL THEN w.likes END) END AS INTEGER) AS likes,
       CAST(CASE WHEN count(w.likes_delta) > 0 THEN total!(w.likes_delta) END AS INTEGER) AS likes_delta,
       CAST(CASE WHEN count(w.videos_delta) > 0 THEN total!(CASE WHEN w.videos_delta IS NOT NULL THEN w.videos END) END AS INTEGER) AS videos,
       CAST(CASE WHEN count(w.videos_delta) > 0 THEN total!(w.videos_delta) END AS INTEGER) AS videos_delta
FROM account_tags t
CROSS JOIN $view w ON w.account_id = t.account_id
GROUP BY t.tag, w.$period, w.from_time, w.from_utc, w.to_time, w.to_utc
end

-- The instant that decides to which period an event seen in a snapshot belongs. It happened at some time
-- since the snapshot before, `span` seconds earlier. It is dated halfway between the two, but at most
-- half a week (302400 s) before its own, so that a digest sent after a refresh shows the events seen in
-- it, however long the gap before. Of periods that follow each other, it thus belongs to exactly one.
macro dated(time, span)
$time - min(max(ifnull($span, 0) / 2, 0), 302400)
end

macro dated_columns(time, span)
CAST(dated!($time, $span) AS INTEGER) AS dated_time,
       utc!(dated!($time, $span)) AS dated_utc
end

-- The iif() in the last join makes SQLite join s after m. Otherwise it would join all of the account's
-- snapshots first, and scan the milestones for each.
macro milestone(count)
CAST(m.value AS INTEGER) AS milestone,
       s.time, s.time_utc,
       dated_columns!(s.time, s.time - (
         SELECT b.time FROM _snapshot b
         WHERE b.account = a.account AND b.refresh_id < s.refresh_id AND b.measured_$count IS NOT NULL
         ORDER BY b.refresh_id DESC LIMIT 1)),
       s.measured_$count AS value, s.refresh_id
FROM _account a
LEFT JOIN _profile p ON p.account = a.account
JOIN _snapshot o ON o.account = +a.account AND o.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.measured_$count IS NOT NULL ORDER BY b.refresh_id LIMIT 1)
JOIN _snapshot t ON t.account = +a.account AND t.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.measured_$count >= 1000 ORDER BY b.measured_$count DESC LIMIT 1)
JOIN json_each('[1000,2000,5000,10000,20000,50000,100000,200000,500000,1000000,2000000,5000000,10000000,20000000,50000000,100000000,200000000,500000000,1000000000,2000000000,5000000000,10000000000,20000000000,50000000000,100000000000,200000000000,500000000000,1000000000000,2000000000000,5000000000000,10000000000000,20000000000000,50000000000000,100000000000000,200000000000000,500000000000000,1000000000000000,2000000000000000,5000000000000000,10000000000000000,20000000000000000,50000000000000000,100000000000000000,200000000000000000,500000000000000000,1000000000000000000,2000000000000000000,5000000000000000000]') m
  ON m.value > o.measured_$count AND m.value <= t.measured_$count
JOIN _snapshot s ON s.account = iif(m.value, a.account, NULL) AND s.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.refresh_id > o.refresh_id AND b.measured_$count >= m.value
  ORDER BY b.refresh_id LIMIT 1)
end

-- The value of one unit in the last digit to which a count is rounded: YouTube reports subscribers
-- with three significant digits. 0 if the count is exact.
macro rounding(platform, value)
CASE WHEN $platform = 'youtube' AND $value >= 1000
            AND $value % CAST('1' || substr('000000000000000000', 1, length($value) - 3) AS INTEGER) = 0
       THEN CAST('1' || substr('000000000000000000', 1, length($value) - 3) AS INTEGER) ELSE 0 END
end

-- The same for the value at an instant, from the rows joined by neighbours!(): that of the measured
-- values it lies between, the larger of the two. An interpolated value is no multiple of it.
macro rounding_at(platform, at, count, instant)
CASE WHEN $at_l.time = $instant THEN rounding!($platform, $at_l.measured_$count)
       ELSE max(rounding!($platform, $at_l.measured_$count), rounding!($platform, $at_u.measured_$count)) END
end

-- The rate of a step of `delta` in `span` seconds, in millionths in 7 days.
macro rate(delta, span)
(($delta) * 604800000000.0 / ($span))
end

-- Steps whose rates lie outside of the fences around the rates of the account's last twelve steps.
-- A fence lies beyond a quartile by three times the interquartile range (Tukey's outer fences), but
-- at least by the usual rate, by 1 % of the count, and by two units of a rounded count. A step that
-- is itself less than 1 %, than two units, or than 5, is never outside. `rates` are those of the earlier
-- steps, sorted, as the text of a JSON array of integers; at least six are required. They are joined
-- as the only row of a table-valued function, so that they are calculated once rather than wherever
-- they are used. What is cheap comes first: most steps are small, or lie between the quartiles.
macro unusual(count, rounding)
SELECT who!(),
       s.time, s.time_utc, dated_columns!(s.time, s.span), CAST('$count' AS TEXT) AS count,
       CAST(s.delta AS INTEGER) AS delta,
       CAST(hundredths!(s.delta * 604800.0 / s.span) AS REAL) AS per_7d,
       CAST(round(s.usual / 10000.0) / 100.0 AS REAL) AS usual_per_7d,
       CAST(CASE WHEN s.usual <> 0 THEN tenths!(s.rate / s.usual) END AS REAL) AS times,
       s.refresh_id
FROM _account a
LEFT JOIN _profile p ON p.account = a.account
JOIN (
  SELECT s.*, (json_extract(s.rates, '$[' || ((json_array_length(s.rates) - 1) / 2) || ']')
               + json_extract(s.rates, '$[' || (json_array_length(s.rates) / 2) || ']')) / 2.0 AS usual,
         json_extract(s.rates, '$[' || (json_array_length(s.rates) / 4) || ']') AS low,
         json_extract(s.rates, '$[' || (json_array_length(s.rates) - 1 - json_array_length(s.rates) / 4) || ']') AS high
  FROM (
    SELECT s.account, s.time, s.time_utc, s.refresh_id, s.measured_$count AS value,
           s.measured_$count - l.measured_$count AS delta, s.time - l.time AS span,
           rate!(s.measured_$count - l.measured_$count, s.time - l.time) AS rate,
           r.value AS rates
    FROM _snapshot s
    JOIN _snapshot l ON l.account = s.account AND l.refresh_id = (
      SELECT b.refresh_id FROM _snapshot b
      WHERE b.account = s.account AND b.refresh_id < s.refresh_id
        AND b.measured_$count IS NOT NULL
      ORDER BY b.refresh_id DESC LIMIT 1)
    JOIN json_each(json_array((SELECT json_group_array(rate) FROM (
          SELECT rate FROM (
            SELECT CAST(round(rate!(b.measured_$count - c.measured_$count, b.time - c.time)) AS INTEGER) AS rate
            FROM _snapshot b
            JOIN _snapshot c ON c.account = b.account AND c.refresh_id = (
              SELECT d.refresh_id FROM _snapshot d
              WHERE d.account = b.account AND d.refresh_id < b.refresh_id
                AND d.measured_$count IS NOT NULL
              ORDER BY d.refresh_id DESC LIMIT 1)
            WHERE b.account = s.account AND b.refresh_id < s.refresh_id
              AND b.measured_$count IS NOT NULL AND b.time - c.time >= 43200
            ORDER BY b.refresh_id DESC LIMIT 12)
          ORDER BY rate)))) r
    WHERE s.measured_$count IS NOT NULL AND s.time - l.time >= 43200
      AND abs(s.measured_$count - l.measured_$count) >= 5
      AND abs(s.measured_$count - l.measured_$count) * 100.0 >= s.measured_$count
  ) s
  WHERE json_array_length(s.rates) >= 6
) s ON s.account = +a.account
WHERE (s.rate > s.high OR s.rate < s.low) AND abs(s.delta) >= 2 * $rounding
  AND (s.rate > s.high + max(3 * (s.high - s.low), abs(s.usual), rate!(s.value / 100.0, s.span), rate!(2 * $rounding, s.span))
    OR s.rate < s.low - max(3 * (s.high - s.low), abs(s.usual), rate!(s.value / 100.0, s.span), rate!(2 * $rounding, s.span)))
end

-- The beginning of the period before the requested one.
macro before()
ifnull(:before, 2 * ifnull(:from, ifnull(:until, n.time) - :back) - ifnull(:until, n.time))
end

-- Whether an account has any of the tags (a JSON array; if it is empty, every account matches), and
-- belongs to the platform (NULL: any).
macro selected(tags, platform)
($tags = '[]' OR EXISTS (
    SELECT 1 FROM json_each(a.tags) t CROSS JOIN json_each($tags) w WHERE w.value = t.value))
  AND ($platform IS NULL OR p.platform = $platform)
end

-- The accounts for which selected!() is true, also those removed from the list.
macro chosen(key, tags, platform)
(SELECT a.$key FROM _account a LEFT JOIN _profile p ON p.account = a.account
      WHERE selected!($tags, $platform))
end

-- The same for account `a`, without a join if every account is selected.
macro is_chosen(tags, platform)
($tags = '[]' AND $platform IS NULL OR a.account IN chosen!(account, $tags, $platform))
end
