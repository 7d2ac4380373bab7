CREATE VIEW accounts AS
SELECT a.account_id, a.label, a.tags,
       p.platform, p.username, p.display_name, p.bio, p.avatar_url, p.profile_url, p.is_verified,
       a.cron, a.timezone, a.enabled,
       a.added_time, strftime('%Y-%m-%dT%H:%M:%SZ', a.added_time, 'unixepoch') AS added_utc,
       a.removed_time, strftime('%Y-%m-%dT%H:%M:%SZ', a.removed_time, 'unixepoch') AS removed_utc,
       s.time AS last_time, strftime('%Y-%m-%dT%H:%M:%SZ', s.time, 'unixepoch') AS last_utc,
       a.next_due AS next_time, strftime('%Y-%m-%dT%H:%M:%SZ', a.next_due, 'unixepoch') AS next_utc
FROM _account a
LEFT JOIN _profile p ON p.account = a.account
LEFT JOIN _snapshot s ON s.account = a.account AND s.refresh_id = a.last_refresh;

-- Every snapshot has its line. The line is joined for its key: from a refresh_id it leads to the
-- account that the history lies by, and it is what can be gone through in the order of refreshes.
CREATE VIEW snapshots AS
SELECT a.account_id, a.label, p.username, p.platform,
       s.time, strftime('%Y-%m-%dT%H:%M:%SZ', s.time, 'unixepoch') AS time_utc,
       s.followers, s.following, s.videos, s.likes,
       s.engagement_rate, s.virality_score, s.avg_views,
       s.analyzed_time, strftime('%Y-%m-%dT%H:%M:%SZ', s.analyzed_time, 'unixepoch') AS analyzed_utc,
       s.is_suspect, s.extra, r.refresh_id
FROM _snapshot s
JOIN _refresh r ON r.account = s.account AND r.refresh_id = s.refresh_id
JOIN _account a ON a.account = s.account
LEFT JOIN _profile p ON p.account = s.account;

-- In each gain, n is the newest measured value, l the last one at or before the point N days
-- before it, and u the next after l, or the first of all: the point lies between l and u.
-- The + leaves only the way from an account to its newest snapshot: the other is through all.
CREATE VIEW latest AS
SELECT a.account_id, a.label, p.username, p.platform,
       s.time, strftime('%Y-%m-%dT%H:%M:%SZ', s.time, 'unixepoch') AS time_utc,
       (CAST(strftime('%s', 'now') AS INTEGER) - s.time) / 86400.0 AS age_days,
       s.followers, s.following, s.videos, s.likes,
       s.engagement_rate, s.virality_score, s.avg_views,
       s.analyzed_time, strftime('%Y-%m-%dT%H:%M:%SZ', s.analyzed_time, 'unixepoch') AS analyzed_utc,
       s.is_suspect, s.extra, r.refresh_id,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.followers - l.followers - CAST(round(
                   (u.followers - l.followers) * 1.0 * (n.time - 604800 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 604800 + 43200 THEN n.followers - u.followers
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.followers IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 604800
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.followers IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.followers IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS followers_gained_7d,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.followers - l.followers - CAST(round(
                   (u.followers - l.followers) * 1.0 * (n.time - 2592000 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 2592000 + 43200 THEN n.followers - u.followers
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.followers IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 2592000
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.followers IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.followers IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS followers_gained_30d,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.followers - l.followers - CAST(round(
                   (u.followers - l.followers) * 1.0 * (n.time - 7776000 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 7776000 + 43200 THEN n.followers - u.followers
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.followers IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 7776000
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.followers IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.followers IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS followers_gained_90d,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.likes - l.likes - CAST(round(
                   (u.likes - l.likes) * 1.0 * (n.time - 604800 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 604800 + 43200 THEN n.likes - u.likes
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.likes IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 604800
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.likes IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.likes IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS likes_gained_7d,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.likes - l.likes - CAST(round(
                   (u.likes - l.likes) * 1.0 * (n.time - 2592000 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 2592000 + 43200 THEN n.likes - u.likes
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.likes IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 2592000
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.likes IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.likes IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS likes_gained_30d,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.likes - l.likes - CAST(round(
                   (u.likes - l.likes) * 1.0 * (n.time - 7776000 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 7776000 + 43200 THEN n.likes - u.likes
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.likes IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 7776000
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.likes IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.likes IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS likes_gained_90d,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.videos - l.videos - CAST(round(
                   (u.videos - l.videos) * 1.0 * (n.time - 604800 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 604800 + 43200 THEN n.videos - u.videos
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.videos IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 604800
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.videos IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.videos IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS videos_gained_7d,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.videos - l.videos - CAST(round(
                   (u.videos - l.videos) * 1.0 * (n.time - 2592000 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 2592000 + 43200 THEN n.videos - u.videos
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.videos IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 2592000
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.videos IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.videos IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS videos_gained_30d,
       (SELECT CASE
                 WHEN l.time IS NOT NULL
                 THEN n.videos - l.videos - CAST(round(
                   (u.videos - l.videos) * 1.0 * (n.time - 7776000 - l.time) / (u.time - l.time)) AS INTEGER)
                 WHEN u.time <= n.time - 7776000 + 43200 THEN n.videos - u.videos
               END
        FROM _snapshot n
        LEFT JOIN _snapshot l ON l.account = n.account AND l.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id < n.refresh_id
            AND b.videos IS NOT NULL AND b.is_suspect = 0 AND b.time <= n.time - 7776000
          ORDER BY b.refresh_id DESC LIMIT 1)
        LEFT JOIN _snapshot u ON u.account = n.account AND u.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = n.account AND b.refresh_id > ifnull(l.refresh_id, 0)
            AND b.videos IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id LIMIT 1)
        WHERE n.account = a.account AND n.refresh_id = (
          SELECT b.refresh_id FROM _snapshot b
          WHERE b.account = a.account AND b.videos IS NOT NULL AND b.is_suspect = 0
          ORDER BY b.refresh_id DESC LIMIT 1)) AS videos_gained_90d
FROM _account a
JOIN _snapshot s ON s.account = +a.account AND s.refresh_id = a.last_refresh
LEFT JOIN _refresh r ON r.account = a.account AND r.refresh_id = a.last_refresh
LEFT JOIN _profile p ON p.account = a.account;

CREATE VIEW profile_changes AS
SELECT a.account_id, c.time, strftime('%Y-%m-%dT%H:%M:%SZ', c.time, 'unixepoch') AS time_utc,
       c.field, c.old, c.new
FROM _profile_change c
JOIN _account a ON a.account = c.account;

CREATE VIEW refreshes AS
SELECT r.refresh_id, a.account_id,
       CASE r.cause WHEN 0 THEN 'first' WHEN 1 THEN 'schedule' WHEN 2 THEN 'catch_up'
                    WHEN 3 THEN 'retry' WHEN 4 THEN 'manual' WHEN 5 THEN 'add' END AS cause,
       r.slot AS scheduled_time, strftime('%Y-%m-%dT%H:%M:%SZ', r.slot, 'unixepoch') AS scheduled_utc,
       r.started_time, strftime('%Y-%m-%dT%H:%M:%SZ', r.started_time, 'unixepoch') AS started_utc,
       r.finished_time, strftime('%Y-%m-%dT%H:%M:%SZ', r.finished_time, 'unixepoch') AS finished_utc,
       CASE r.outcome WHEN 0 THEN 'pending' WHEN 1 THEN 'ok' WHEN 2 THEN 'failed'
                      WHEN 3 THEN 'unknown' WHEN 4 THEN 'skipped' END AS outcome,
       r.http_status, r.error, r.answer, r.spent
FROM _refresh r
LEFT JOIN _account a ON a.account = r.account;

CREATE VIEW spend AS
SELECT strftime('%Y-%m-%d', day * 86400, 'unixepoch') AS day, calls, spent, snapshots
FROM _spend;

-- What is owed since when: an open slot, a baseline tried in vain, or what next_due says.
CREATE VIEW overdue AS
SELECT account_id, due_time, strftime('%Y-%m-%dT%H:%M:%SZ', due_time, 'unixepoch') AS due_utc,
       round((now - due_time) / 3600.0, 1) AS hours_late, last_error
FROM (
  SELECT a.account_id, a.interval, CAST(strftime('%s', 'now') AS INTEGER) AS now,
         CASE WHEN a.phase = 2 THEN a.open_slot
              WHEN a.phase = 0 AND a.tries > 0 THEN a.active_time
              ELSE a.next_due END AS due_time,
         (SELECT r.error FROM _refresh r
          WHERE r.refresh_id = a.last_failure) AS last_error
  FROM _account a
  WHERE a.next_due IS NOT NULL
    AND (a.last_failure IS NOT NULL OR a.next_due <= CAST(strftime('%s', 'now') AS INTEGER))
)
WHERE now - due_time > max(3600, interval / 50);

-- The views over the history. A value is *measured* if it is not NULL and its snapshot is not
-- suspect; "before" is a smaller refresh_id of the same account.
-- No window functions: with one, a view is computed whole unless the filter is on its partition.
-- Each look back is a seek in _snapshot, by account and refresh_id, and stops at the first hit.
-- l is the last snapshot before that is not suspect, and mostly has all counts; beyond it is
-- looked only for those it lacks, and not at all where the row itself has none, so that a count
-- the platform never tells costs nothing.
CREATE VIEW growth AS
SELECT a.account_id, a.label, p.username,
       s.time, strftime('%Y-%m-%dT%H:%M:%SZ', s.time, 'unixepoch') AS time_utc,
       round((s.time - l.time) / 86400.0, 3) AS gap_days,
       s.followers, s.followers - f.followers AS followers_delta,
       CASE WHEN s.time - f.time >= 43200
            THEN round((s.followers - f.followers) * 604800.0 / (s.time - f.time), 2)
       END AS followers_per_7d,
       CASE WHEN s.time - f.time >= 43200 AND f.followers > 0
            THEN round((s.followers - f.followers) * 60480000.0 / f.followers / (s.time - f.time), 4)
       END AS followers_pct_per_7d,
       s.likes, s.likes - k.likes AS likes_delta,
       CASE WHEN s.time - k.time >= 43200
            THEN round((s.likes - k.likes) * 604800.0 / (s.time - k.time), 2)
       END AS likes_per_7d,
       CASE WHEN s.time - k.time >= 43200 AND k.likes > 0
            THEN round((s.likes - k.likes) * 60480000.0 / k.likes / (s.time - k.time), 4)
       END AS likes_pct_per_7d,
       s.videos, s.videos - v.videos AS videos_delta,
       CASE WHEN s.time - v.time >= 43200
            THEN round((s.videos - v.videos) * 604800.0 / (s.time - v.time), 2)
       END AS videos_per_7d,
       CASE WHEN s.time - v.time >= 43200 AND v.videos > 0
            THEN round((s.videos - v.videos) * 60480000.0 / v.videos / (s.time - v.time), 4)
       END AS videos_pct_per_7d,
       s.is_suspect, r.refresh_id
FROM _snapshot s
JOIN _refresh r ON r.account = s.account AND r.refresh_id = s.refresh_id
JOIN _account a ON a.account = s.account
LEFT JOIN _profile p ON p.account = s.account
LEFT JOIN _snapshot l ON l.account = s.account AND l.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = s.account AND b.refresh_id < s.refresh_id AND b.is_suspect = 0
  ORDER BY b.refresh_id DESC LIMIT 1)
LEFT JOIN _snapshot f ON f.account = s.account AND f.refresh_id = CASE
  WHEN s.followers IS NULL OR s.is_suspect = 1 THEN NULL
  WHEN l.followers IS NOT NULL THEN l.refresh_id
  ELSE (SELECT b.refresh_id FROM _snapshot b
        WHERE b.account = s.account AND b.refresh_id < l.refresh_id
          AND b.followers IS NOT NULL AND b.is_suspect = 0
        ORDER BY b.refresh_id DESC LIMIT 1)
END
LEFT JOIN _snapshot k ON k.account = s.account AND k.refresh_id = CASE
  WHEN s.likes IS NULL OR s.is_suspect = 1 THEN NULL
  WHEN l.likes IS NOT NULL THEN l.refresh_id
  ELSE (SELECT b.refresh_id FROM _snapshot b
        WHERE b.account = s.account AND b.refresh_id < l.refresh_id
          AND b.likes IS NOT NULL AND b.is_suspect = 0
        ORDER BY b.refresh_id DESC LIMIT 1)
END
LEFT JOIN _snapshot v ON v.account = s.account AND v.refresh_id = CASE
  WHEN s.videos IS NULL OR s.is_suspect = 1 THEN NULL
  WHEN l.videos IS NOT NULL THEN l.refresh_id
  ELSE (SELECT b.refresh_id FROM _snapshot b
        WHERE b.account = s.account AND b.refresh_id < l.refresh_id
          AND b.videos IS NOT NULL AND b.is_suspect = 0
        ORDER BY b.refresh_id DESC LIMIT 1)
END;

-- A week is counted from its Monday, 00:00 UTC (1970-01-01 was a Thursday, 259200 s after one),
-- and named by its Thursday, since %G and %V are NULL before SQLite 3.46.
-- Its row is the last snapshot that is not suspect, or the last suspect one where there is no
-- other. The clocks of two snapshots that are not suspect are at most two hours out of order,
-- so that a week is over at the first snapshot two hours (7200 s) into the next.
CREATE VIEW weekly AS
SELECT a.account_id, a.label, p.username,
       strftime('%Y', s.monday + 259200, 'unixepoch')
         || printf('-W%02d', (strftime('%j', s.monday + 259200, 'unixepoch') + 6) / 7) AS week,
       s.time, strftime('%Y-%m-%dT%H:%M:%SZ', s.time, 'unixepoch') AS time_utc,
       (s.monday - l.time + (l.time + 259200) % 604800) / 604800 AS gap_weeks,
       s.followers, s.followers - f.followers AS followers_delta,
       s.likes, s.likes - k.likes AS likes_delta,
       s.videos, s.videos - v.videos AS videos_delta,
       s.is_suspect, r.refresh_id
FROM (SELECT *, time - (time + 259200) % 604800 AS monday FROM _snapshot) s
JOIN _refresh r ON r.account = s.account AND r.refresh_id = s.refresh_id
JOIN _account a ON a.account = s.account
LEFT JOIN _profile p ON p.account = s.account
LEFT JOIN _snapshot l ON l.account = s.account AND l.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = s.account AND b.refresh_id < s.refresh_id
    AND b.is_suspect = 0 AND b.time < s.monday
  ORDER BY b.refresh_id DESC LIMIT 1)
LEFT JOIN _snapshot f ON f.account = s.account AND f.refresh_id = CASE
  WHEN s.followers IS NULL OR s.is_suspect = 1 THEN NULL
  WHEN l.followers IS NOT NULL THEN l.refresh_id
  ELSE (SELECT b.refresh_id FROM _snapshot b
        WHERE b.account = s.account AND b.refresh_id < l.refresh_id
          AND b.followers IS NOT NULL AND b.is_suspect = 0 AND b.time < s.monday
        ORDER BY b.refresh_id DESC LIMIT 1)
END
LEFT JOIN _snapshot k ON k.account = s.account AND k.refresh_id = CASE
  WHEN s.likes IS NULL OR s.is_suspect = 1 THEN NULL
  WHEN l.likes IS NOT NULL THEN l.refresh_id
  ELSE (SELECT b.refresh_id FROM _snapshot b
        WHERE b.account = s.account AND b.refresh_id < l.refresh_id
          AND b.likes IS NOT NULL AND b.is_suspect = 0 AND b.time < s.monday
        ORDER BY b.refresh_id DESC LIMIT 1)
END
LEFT JOIN _snapshot v ON v.account = s.account AND v.refresh_id = CASE
  WHEN s.videos IS NULL OR s.is_suspect = 1 THEN NULL
  WHEN l.videos IS NOT NULL THEN l.refresh_id
  ELSE (SELECT b.refresh_id FROM _snapshot b
        WHERE b.account = s.account AND b.refresh_id < l.refresh_id
          AND b.videos IS NOT NULL AND b.is_suspect = 0 AND b.time < s.monday
        ORDER BY b.refresh_id DESC LIMIT 1)
END
WHERE CASE s.is_suspect WHEN 0 THEN
  NOT EXISTS (
    SELECT 1 FROM _snapshot n
    WHERE n.account = s.account AND n.refresh_id > s.refresh_id AND n.is_suspect = 0
      AND n.time >= s.monday AND n.time < s.monday + 604800
      AND n.refresh_id < ifnull((
        SELECT e.refresh_id FROM _snapshot e
        WHERE e.account = s.account AND e.refresh_id > s.refresh_id AND e.is_suspect = 0
          AND e.time >= s.monday + 604800 + 7200
        ORDER BY e.refresh_id LIMIT 1), 9223372036854775807))
ELSE
  ifnull((
    SELECT n.time < s.monday OR n.time >= s.monday + 604800 FROM _snapshot n
    WHERE n.account = s.account AND n.refresh_id > s.refresh_id
    ORDER BY n.refresh_id LIMIT 1), 1)
  AND ifnull((
    SELECT n.time < s.monday OR n.time >= s.monday + 604800 FROM _snapshot n
    WHERE n.account = s.account AND n.refresh_id > s.refresh_id AND n.is_suspect = 0
    ORDER BY n.refresh_id LIMIT 1), 1)
  AND ifnull((
    SELECT b.time < s.monday OR b.time >= s.monday + 604800 FROM _snapshot b
    WHERE b.account = s.account AND b.refresh_id < s.refresh_id AND b.is_suspect = 0
    ORDER BY b.refresh_id DESC LIMIT 1), 1)
END;

-- The interval is the longer of those that the two refreshes were made by: between them either
-- may have been in force.
CREATE VIEW gaps AS
SELECT a.account_id, a.label, p.username,
       b.time AS from_time, strftime('%Y-%m-%dT%H:%M:%SZ', b.time, 'unixepoch') AS from_utc,
       s.time AS to_time, strftime('%Y-%m-%dT%H:%M:%SZ', s.time, 'unixepoch') AS to_utc,
       round((s.time - b.time) / 86400.0, 3) AS days
FROM _snapshot s
JOIN _account a ON a.account = s.account
LEFT JOIN _profile p ON p.account = s.account
JOIN _snapshot b ON b.account = s.account AND b.refresh_id = (
  SELECT c.refresh_id FROM _snapshot c
  WHERE c.account = s.account AND c.refresh_id < s.refresh_id AND c.is_suspect = 0
  ORDER BY c.refresh_id DESC LIMIT 1)
LEFT JOIN _refresh r ON r.refresh_id = s.refresh_id
LEFT JOIN _refresh q ON q.refresh_id = b.refresh_id
WHERE s.is_suspect = 0
  AND (s.time - b.time) * 2 > 3 * max(coalesce(r.interval, q.interval, a.interval),
                                      coalesce(q.interval, r.interval, a.interval));
