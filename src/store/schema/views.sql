-- The views, which are the interface. They hold no data, and are recreated whenever their SQL
-- differs from what a database has.
--
-- This is SQL with a few macros (src/store/schema/template.rs), so that the value at an instant is
-- defined once: who!() is the first columns of every view about accounts, newest!() and
-- neighbours!() join rows of an account's history, value!() interpolates between them. Lines
-- between `-- each` and `-- end` are repeated for followers, likes and videos: {X} is the count,
-- {x} a letter for it.
--
-- There are no window functions: a view with one is computed as a whole unless the filter is on its
-- partition key. Each lookup in a history is a seek in _snapshot by account and refresh_id that
-- stops at the first match; "before" means a smaller refresh_id of the same account. The + in `=
-- +a.account` leaves the planner only one way, from an account to its history, and not a scan of
-- all histories. (A CROSS JOIN would also fix the order of any join that the view is used in.)
-- Computed columns are CAST, because they have no declared type.

CREATE VIEW accounts AS
SELECT who!(),
       a.tags, p.display_name, p.bio, p.avatar_url, p.profile_url, p.is_verified,
       a.cron, a.timezone, a.enabled,
       a.added_time, utc!(a.added_time) AS added_utc,
       a.removed_time, utc!(a.removed_time) AS removed_utc,
       s.time AS last_time, s.time_utc AS last_utc,
       a.next_due AS next_time, utc!(a.next_due) AS next_utc
FROM _account a
LEFT JOIN _profile p ON p.account = a.account
LEFT JOIN _snapshot s ON s.account = a.account AND s.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b WHERE b.account = a.account ORDER BY b.refresh_id DESC LIMIT 1);

CREATE VIEW account_tags AS
SELECT who!(), CAST(t.value AS TEXT) AS tag
FROM _account a
LEFT JOIN _profile p ON p.account = a.account
JOIN json_each(a.tags) t;

-- The ledger line of each snapshot is joined for its key: it leads from a refresh_id to the account
-- that the history is stored by, and allows reading in the order of refreshes.
CREATE VIEW snapshots AS
SELECT who!(),
       s.time, s.time_utc, s.followers, s.following, s.videos, s.likes,
       s.engagement_rate, s.virality_score, s.avg_views, s.analyzed_time, s.analyzed_utc,
       s.is_suspect, s.reason AS suspect, s.source, s.extra, r.refresh_id
FROM _snapshot s
JOIN _refresh r ON r.account = s.account AND r.refresh_id = s.refresh_id
JOIN _account a ON a.account = s.account
LEFT JOIN _profile p ON p.account = s.account;

-- l is the last measured snapshot before s, and usually has all counts. Earlier snapshots are
-- searched only for counts that l lacks and s has, so that a count the platform never reports costs
-- nothing.
CREATE VIEW growth AS
SELECT who!(),
       s.time, s.time_utc, CAST(days!(s.time - l.time) AS REAL) AS gap_days,
-- each
       s.{X}, CAST(s.measured_{X} - {x}.measured_{X} AS INTEGER) AS {X}_delta,
       CAST(CASE WHEN s.time - {x}.time >= 43200
            THEN hundredths!((s.measured_{X} - {x}.measured_{X}) * 604800.0 / (s.time - {x}.time))
       END AS REAL) AS {X}_per_7d,
       CAST(CASE WHEN s.time - {x}.time >= 43200 AND {x}.measured_{X} > 0
            THEN round((s.measured_{X} - {x}.measured_{X}) * 604800000000.0 / {x}.measured_{X} / (s.time - {x}.time)) / 10000.0
       END AS REAL) AS {X}_pct_per_7d,
-- end
       s.is_suspect, s.reason AS suspect, s.source, r.refresh_id
FROM _snapshot s
JOIN _refresh r ON r.account = s.account AND r.refresh_id = s.refresh_id
JOIN _account a ON a.account = s.account
LEFT JOIN _profile p ON p.account = s.account
LEFT JOIN _snapshot l ON l.account = s.account AND l.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = s.account AND b.refresh_id < s.refresh_id AND b.is_measured
  ORDER BY b.refresh_id DESC LIMIT 1)
-- each
LEFT JOIN _snapshot {x} ON {x}.account = s.account AND {x}.refresh_id = CASE
  WHEN s.measured_{X} IS NULL THEN NULL
  WHEN l.measured_{X} IS NOT NULL THEN l.refresh_id
  ELSE (SELECT b.refresh_id FROM _snapshot b
        WHERE b.account = s.account AND b.refresh_id < l.refresh_id AND b.measured_{X} IS NOT NULL
        ORDER BY b.refresh_id DESC LIMIT 1)
END
-- end
;

-- s is the newest snapshot, l the newest one that is not suspect as a whole, and {x} the newest with
-- that count measured.
CREATE VIEW latest AS
SELECT who!(),
       s.time, s.time_utc,
       CAST((CAST(strftime('%s', 'now') AS INTEGER) - s.time) / 86400.0 AS REAL) AS age_days,
       f.measured_followers AS followers,
       CAST(CASE WHEN l.following IS NOT NULL THEN l.following ELSE last_measured!(following) END AS INTEGER) AS following,
       v.measured_videos AS videos,
       k.measured_likes AS likes,
       CAST(CASE WHEN l.engagement_rate IS NOT NULL THEN l.engagement_rate ELSE last_measured!(engagement_rate) END AS REAL) AS engagement_rate,
       CAST(CASE WHEN l.virality_score IS NOT NULL THEN l.virality_score ELSE last_measured!(virality_score) END AS REAL) AS virality_score,
       CAST(CASE WHEN l.avg_views IS NOT NULL THEN l.avg_views ELSE last_measured!(avg_views) END AS NUMERIC) AS avg_views,
       s.analyzed_time, s.analyzed_utc, s.is_suspect, s.reason AS suspect, s.source, s.extra,
-- each
       CAST({x}.measured_{X} - value!({x}7, {X}, {x}.time - 604800) AS INTEGER) AS {X}_gained_7d,
       CAST({x}.measured_{X} - value!({x}30, {X}, {x}.time - 2592000) AS INTEGER) AS {X}_gained_30d,
       CAST({x}.measured_{X} - value!({x}90, {X}, {x}.time - 7776000) AS INTEGER) AS {X}_gained_90d,
-- end
       r.refresh_id
FROM _account a
JOIN _snapshot s ON s.account = +a.account AND s.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b WHERE b.account = a.account ORDER BY b.refresh_id DESC LIMIT 1)
LEFT JOIN _refresh r ON r.account = a.account AND r.refresh_id = s.refresh_id
LEFT JOIN _profile p ON p.account = a.account
LEFT JOIN _snapshot l ON l.account = a.account AND l.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.suspect < 2 ORDER BY b.refresh_id DESC LIMIT 1)
-- each
newest!({x}, {X}, a.account)
neighbours!({x}7, {X}, a.account, {x}.time - 604800, {x}.refresh_id, {x})
neighbours!({x}30, {X}, a.account, {x}.time - 2592000, {x}.refresh_id, {x})
neighbours!({x}90, {X}, a.account, {x}.time - 7776000, {x}.refresh_id, {x})
-- end
;

CREATE VIEW weekly AS
periods!(_week, week)
;

CREATE VIEW monthly AS
periods!(_month, month)
;

CREATE VIEW tag_weekly AS
tag_periods!(weekly, week);

CREATE VIEW tag_monthly AS
tag_periods!(monthly, month);

-- The first measured value at or above a milestone, if the account's first value was below it. o is
-- the oldest measured value, t the largest.
CREATE VIEW milestones AS
SELECT who!(), CAST('followers' AS TEXT) AS count, milestone!(followers)
UNION ALL
SELECT who!(), CAST('likes' AS TEXT) AS count, milestone!(likes)
UNION ALL
SELECT who!(), CAST('videos' AS TEXT) AS count, milestone!(videos);

CREATE VIEW unusual AS
unusual!(followers, rounding!(p.platform, s.value))
UNION ALL
unusual!(likes, 0)
UNION ALL
unusual!(videos, 0);

CREATE VIEW profile_changes AS
SELECT who!(), c.time, utc!(c.time) AS time_utc,
       dated_columns!(c.time, c.time - (
         SELECT b.time FROM _snapshot b
         WHERE b.account = c.account AND b.refresh_id < c.refresh_id
         ORDER BY b.refresh_id DESC LIMIT 1)),
       c.field, c.old, c.new, c.refresh_id
FROM _profile_change c
JOIN _account a ON a.account = c.account
LEFT JOIN _profile p ON p.account = c.account;

-- Lines with a negative id belong to imported snapshots, which were not calls. After an import into an
-- empty ledger, the first call has the id 0.
CREATE VIEW refreshes AS
SELECT who!(), r.refresh_id,
       CAST(CASE r.cause WHEN 0 THEN 'first' WHEN 1 THEN 'schedule' WHEN 2 THEN 'catch_up'
                         WHEN 3 THEN 'retry' WHEN 4 THEN 'manual' WHEN 5 THEN 'add' END AS TEXT) AS cause,
       r.slot AS scheduled_time, utc!(r.slot) AS scheduled_utc,
       r.started_time, utc!(r.started_time) AS started_utc,
       r.finished_time, utc!(r.finished_time) AS finished_utc,
       CAST(CASE r.outcome WHEN 0 THEN 'pending' WHEN 1 THEN 'ok' WHEN 2 THEN 'failed'
                           WHEN 3 THEN 'unknown' WHEN 4 THEN 'skipped' END AS TEXT) AS outcome,
       r.http_status, r.error, r.answer, r.spent
FROM _refresh r
LEFT JOIN _account a ON a.account = r.account
LEFT JOIN _profile p ON p.account = r.account
WHERE r.refresh_id >= 0;

CREATE VIEW spend AS
SELECT CAST(strftime('%Y-%m-%d', day * 86400, 'unixepoch') AS TEXT) AS day, calls, spent,
       CAST(calls - failed - ifnull(p.pending, 0) AS INTEGER) AS snapshots
FROM _spend
LEFT JOIN (SELECT started_time / 86400 AS pending_day, count(*) AS pending
           FROM _refresh WHERE pending!() GROUP BY pending_day) p ON p.pending_day = day;

-- The interval is the one stored with the snapshot before the gap, which follows the schedule of
-- that time: a weekend without slots is not a gap. If that line has none, the next one's is used.
CREATE VIEW gaps AS
SELECT who!(),
       b.time AS from_time, b.time_utc AS from_utc, s.time AS to_time, s.time_utc AS to_utc,
       CAST(days!(s.time - b.time) AS REAL) AS days
FROM _snapshot s
JOIN _account a ON a.account = s.account
LEFT JOIN _profile p ON p.account = s.account
JOIN _snapshot b ON b.account = s.account AND b.refresh_id = (
  SELECT c.refresh_id FROM _snapshot c
  WHERE c.account = s.account AND c.refresh_id < s.refresh_id AND c.is_measured
  ORDER BY c.refresh_id DESC LIMIT 1)
LEFT JOIN _refresh r ON r.refresh_id = s.refresh_id
LEFT JOIN _refresh q ON q.refresh_id = b.refresh_id
WHERE s.is_measured AND (s.time - b.time) * 2 > 3 * coalesce(q.interval, r.interval);

CREATE VIEW overdue AS
SELECT who!(),
       a.due_time, utc!(a.due_time) AS due_utc,
       CAST(tenths!((a.now - a.due_time) / 3600.0) AS REAL) AS hours_late, a.last_error
FROM (
  SELECT a.account, a.account_id, a.label, a.interval, t.now,
         CAST(owed_since!(a, t.now) AS INTEGER) AS due_time,
         (SELECT r.error FROM _refresh r WHERE r.refresh_id = a.last_failure) AS last_error
  FROM (SELECT CAST(strftime('%s', 'now') AS INTEGER) AS now) t
  JOIN _account a ON a.account IN late!(t.now)
) a
LEFT JOIN _profile p ON p.account = a.account
WHERE a.now - a.due_time > tolerance!(a);
