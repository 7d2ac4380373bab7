-- The private tables (underscored) and the views that are the interface.
-- Codes: cause 0 first, 1 schedule, 2 catch_up, 3 retry, 4 manual, 5 add;
--        outcome 0 pending, 1 ok, 2 failed, 3 unknown, 4 skipped.
-- The engine's own names for them stand in src/store/ledger.rs, held to these by a test.

CREATE TABLE _account (
  account         INTEGER PRIMARY KEY,
  account_id      TEXT    NOT NULL UNIQUE,
  label           TEXT,
  tags            TEXT    NOT NULL CHECK (json_valid(tags)),
  cron            TEXT    NOT NULL,
  timezone        TEXT    NOT NULL,
  spread          INTEGER NOT NULL,
  enabled         INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  added_time      INTEGER NOT NULL,
  removed_time    INTEGER,
  -- Since when the account is watched without a break: what lies before is nobody's debt.
  active_time     INTEGER NOT NULL,
  -- The account is due when next_due <= now, and for no other reason. NULL: not watched.
  next_due        INTEGER,
  -- The slot up to which nothing is owed; NULL while the baseline is still owed.
  last_slot       INTEGER,
  -- The open slot that was tried in vain (NULL with tries > 0: the baseline was).
  slot            INTEGER,
  interval        INTEGER NOT NULL,
  tries           INTEGER NOT NULL DEFAULT 0,
  paid            INTEGER NOT NULL DEFAULT 0,
  -- Given up in its slot, until the next ok: the ledger line that says why.
  failing_refresh INTEGER,
  -- The last call without an ok in it, and the last with one: ledger lines.
  last_failure    INTEGER,
  last_refresh    INTEGER,
  CHECK ((removed_time IS NULL AND enabled = 1) = (next_due IS NOT NULL))
) STRICT;

CREATE INDEX _account_due ON _account (next_due) WHERE next_due IS NOT NULL;
CREATE INDEX _account_failing ON _account (account) WHERE failing_refresh IS NOT NULL;
CREATE INDEX _account_tried ON _account (account) WHERE tries > 0;
CREATE INDEX _account_label ON _account (label) WHERE label IS NOT NULL;

CREATE TABLE _profile (
  account      INTEGER PRIMARY KEY REFERENCES _account,
  platform     TEXT,
  username     TEXT,
  display_name TEXT,
  bio          TEXT,
  avatar_url   TEXT,
  profile_url  TEXT,
  is_verified  INTEGER CHECK (is_verified IN (0, 1))
) STRICT;

CREATE INDEX _profile_username ON _profile (username);

CREATE TABLE _profile_change (
  account    INTEGER NOT NULL REFERENCES _account,
  refresh_id INTEGER NOT NULL,
  time       INTEGER NOT NULL,
  field      TEXT    NOT NULL,
  old        ANY,
  new        ANY,
  PRIMARY KEY (account, refresh_id, field)
) STRICT, WITHOUT ROWID;

-- The ledger: a row for every paid call, committed before the call leaves.
CREATE TABLE _refresh (
  refresh_id    INTEGER PRIMARY KEY,
  -- NULL only for an `add` whose answer did not say which account it is.
  account       INTEGER REFERENCES _account CHECK (account IS NOT NULL OR cause = 5),
  cause         INTEGER NOT NULL CHECK (cause BETWEEN 0 AND 5),
  outcome       INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 4),
  spent         INTEGER NOT NULL CHECK (spent IN (0, 1)),
  slot          INTEGER,
  interval      INTEGER,
  started_time  INTEGER NOT NULL,
  finished_time INTEGER,
  http_status   INTEGER,
  error         TEXT,
  answer        TEXT,
  CHECK ((outcome = 0) = (finished_time IS NULL))
) STRICT;

-- No slot is bought twice, and no account is asked twice at once: the database says so.
CREATE UNIQUE INDEX _refresh_slot ON _refresh (account, slot) WHERE slot IS NOT NULL AND outcome IN (0, 1);
CREATE UNIQUE INDEX _refresh_pending ON _refresh (account) WHERE outcome = 0;

CREATE TABLE _snapshot (
  refresh_id      INTEGER PRIMARY KEY REFERENCES _refresh,
  account         INTEGER NOT NULL REFERENCES _account,
  time            INTEGER NOT NULL,
  followers       INTEGER,
  following       INTEGER,
  videos          INTEGER,
  likes           INTEGER,
  engagement_rate REAL,
  virality_score  REAL,
  -- An average may have a fraction; a whole one is stored, and shown, as it came.
  avg_views       ANY CHECK (typeof(avg_views) IN ('integer', 'real', 'null')),
  analyzed_time   INTEGER,
  is_suspect      INTEGER NOT NULL CHECK (is_suspect IN (0, 1)),
  extra           TEXT
) STRICT;

-- The row id ends each entry: the order of an account's history is the order of its refreshes.
CREATE INDEX _snapshot_account ON _snapshot (account);

CREATE TRIGGER _snapshot_stays BEFORE UPDATE ON _snapshot
BEGIN SELECT raise(ABORT, 'a snapshot never changes'); END;
CREATE TRIGGER _snapshot_remains BEFORE DELETE ON _snapshot
BEGIN SELECT raise(ABORT, 'a snapshot is never removed'); END;

-- What the budget counts, by the UTC day (since 1970) of the claim. Kept by the triggers
-- below, so that it cannot differ from the ledger.
CREATE TABLE _spend (
  day   INTEGER PRIMARY KEY,
  calls INTEGER NOT NULL,
  spent INTEGER NOT NULL
) STRICT;

CREATE TRIGGER _refresh_claimed AFTER INSERT ON _refresh WHEN new.outcome <> 4
BEGIN
  INSERT INTO _spend VALUES (new.started_time / 86400, 1, new.spent)
  ON CONFLICT DO UPDATE SET calls = calls + 1, spent = spent + excluded.spent;
END;
CREATE TRIGGER _refresh_refunded AFTER UPDATE OF spent ON _refresh WHEN new.spent <> old.spent
BEGIN
  UPDATE _spend SET spent = spent + new.spent - old.spent WHERE day = new.started_time / 86400;
END;

-- At most one row: everything waits until a probe is answered.
CREATE TABLE _pause (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  kind         INTEGER NOT NULL,
  since_time   INTEGER NOT NULL,
  reason       TEXT    NOT NULL,
  probe_time   INTEGER NOT NULL,
  probes       INTEGER NOT NULL,
  last_account INTEGER NOT NULL
) STRICT;

-- At most one row: the vendor asked for a while without calls.
CREATE TABLE _wait (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  until_time INTEGER NOT NULL,
  reason     TEXT    NOT NULL
) STRICT;

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
LEFT JOIN _snapshot s ON s.refresh_id = a.last_refresh;

CREATE VIEW snapshots AS
SELECT a.account_id, a.label, p.username, p.platform,
       s.time, strftime('%Y-%m-%dT%H:%M:%SZ', s.time, 'unixepoch') AS time_utc,
       s.followers, s.following, s.videos, s.likes,
       s.engagement_rate, s.virality_score, s.avg_views,
       s.analyzed_time, strftime('%Y-%m-%dT%H:%M:%SZ', s.analyzed_time, 'unixepoch') AS analyzed_utc,
       s.is_suspect, s.extra, s.refresh_id
FROM _snapshot s
JOIN _account a ON a.account = s.account
LEFT JOIN _profile p ON p.account = s.account;

CREATE VIEW latest AS
SELECT a.account_id, a.label, p.username, p.platform,
       s.time, strftime('%Y-%m-%dT%H:%M:%SZ', s.time, 'unixepoch') AS time_utc,
       (CAST(strftime('%s', 'now') AS INTEGER) - s.time) / 86400.0 AS age_days,
       s.followers, s.following, s.videos, s.likes,
       s.engagement_rate, s.virality_score, s.avg_views,
       s.analyzed_time, strftime('%Y-%m-%dT%H:%M:%SZ', s.analyzed_time, 'unixepoch') AS analyzed_utc,
       s.is_suspect, s.extra, s.refresh_id
FROM _account a
JOIN _snapshot s ON s.refresh_id = a.last_refresh
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
SELECT strftime('%Y-%m-%d', day * 86400, 'unixepoch') AS day, calls, spent
FROM _spend;

-- An open slot is the one tried in vain, the baseline tried in vain, or what next_due says.
CREATE VIEW overdue AS
SELECT account_id, due_time, strftime('%Y-%m-%dT%H:%M:%SZ', due_time, 'unixepoch') AS due_utc,
       round((now - due_time) / 3600.0, 1) AS hours_late, last_error
FROM (
  SELECT a.account_id, a.interval, CAST(strftime('%s', 'now') AS INTEGER) AS now,
         CASE WHEN a.tries = 0 THEN a.next_due ELSE coalesce(a.slot, a.active_time) END AS due_time,
         (SELECT r.error FROM _refresh r
          WHERE r.refresh_id = a.last_failure) AS last_error
  FROM _account a
  WHERE a.next_due IS NOT NULL
    AND (a.tries > 0 OR a.next_due <= CAST(strftime('%s', 'now') AS INTEGER))
)
WHERE now - due_time > max(3600, interval / 50);
