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
  -- What it owes: 0 its first snapshot, 1 nothing before next_due, 2 open_slot. What the columns
  -- mean together, and how they change, says src/engine/account_state.rs.
  phase           INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 2),
  -- The last slot that needs no call any more.
  settled_slot    INTEGER,
  open_slot       INTEGER,
  -- Failed calls for what is owed: all, those that may have cost a credit, those refused.
  tries           INTEGER NOT NULL DEFAULT 0,
  paid            INTEGER NOT NULL DEFAULT 0,
  refusals        INTEGER NOT NULL DEFAULT 0,
  -- From the slot that is owed, or comes next, to the one after it, in seconds.
  interval        INTEGER NOT NULL,
  -- Ledger lines: the first and the last failed call since the last ok; the last ok.
  first_failure   INTEGER,
  last_failure    INTEGER,
  last_refresh    INTEGER,
  -- Given up in a slot, or refused, and not ok since.
  is_failing      INTEGER NOT NULL DEFAULT 0 CHECK (is_failing IN (0, 1)),
  CHECK ((removed_time IS NULL AND enabled = 1) = (next_due IS NOT NULL)),
  CHECK ((phase = 2) = (open_slot IS NOT NULL)),
  CHECK (phase <> 1 OR settled_slot IS NOT NULL),
  CHECK (phase <> 0 OR settled_slot IS NULL)
) STRICT;

CREATE INDEX _account_due ON _account (next_due) WHERE next_due IS NOT NULL;
CREATE INDEX _account_failing ON _account (account) WHERE is_failing = 1;
CREATE INDEX _account_troubled ON _account (account) WHERE last_failure IS NOT NULL;
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
  -- Seconds until it was settled, below 0 where the clock was set back meanwhile. While it is
  -- pending this means nothing, but takes the byte that most answers need (2 to 127 s): a line
  -- that settling makes longer finds no room on its page, and splits it.
  took          INTEGER NOT NULL DEFAULT 99,
  -- NULL for an ok, which is a 200 always.
  status        INTEGER CHECK (status IS NULL OR outcome <> 1),
  error         TEXT,
  answer        TEXT,
  finished_time INTEGER AS (CASE WHEN outcome <> 0 THEN started_time + took END),
  http_status   INTEGER AS (CASE outcome WHEN 1 THEN 200 ELSE status END)
) STRICT;

-- No slot is bought twice, and no account is asked twice at once: the database says so.
CREATE UNIQUE INDEX _refresh_slot ON _refresh (account, slot) WHERE slot IS NOT NULL AND outcome IN (0, 1);

CREATE UNIQUE INDEX _refresh_pending ON _refresh (account) WHERE outcome = 0;

-- By account, so that one's history is a page or two, and needs no index beside it. The order of
-- a history is that of its refresh_ids. Generated columns are not stored, and cost no byte: they
-- decode what is stored in fewer bytes than it had, and give the views' columns their types.
CREATE TABLE _snapshot (
  account         INTEGER NOT NULL REFERENCES _account,
  -- Below 0: imported. Its ledger line is of no call (skipped, nothing spent) and is not shown.
  refresh_id      INTEGER NOT NULL REFERENCES _refresh,
  time            INTEGER NOT NULL,
  followers       INTEGER,
  following       INTEGER,
  videos          INTEGER,
  likes           INTEGER,
  -- An INTEGER of thousandths where that is exact, else the REAL itself (src/store/rate.rs).
  -- Not `IN` the three types it may be: SQLite would build a table of them at each insertion.
  engagement      ANY CHECK (typeof(engagement) <> 'text' AND typeof(engagement) <> 'blob'),
  virality        ANY CHECK (typeof(virality) <> 'text' AND typeof(virality) <> 'blob'),
  -- An average may have a fraction; a whole one is stored, and shown, as it came.
  avg_views       ANY CHECK (typeof(avg_views) <> 'text' AND typeof(avg_views) <> 'blob'),
  -- How many seconds before `time` the vendor had looked.
  analyzed_ago    INTEGER,
  -- What speaks against it (src/store/suspicion.rs): 1 likes fell to 0; and against the whole
  -- answer 2 followers fell to 0, 4 cached, 8 a clock that contradicts ours.
  suspect         INTEGER NOT NULL CHECK (suspect BETWEEN 0 AND 15),
  extra           TEXT,
  engagement_rate REAL AS (CASE typeof(engagement) WHEN 'integer' THEN engagement / 1000.0 ELSE engagement END),
  virality_score  REAL AS (CASE typeof(virality) WHEN 'integer' THEN virality / 1000.0 ELSE virality END),
  analyzed_time   INTEGER AS (time - analyzed_ago),
  analyzed_utc    TEXT AS (strftime('%Y-%m-%dT%H:%M:%SZ', time - analyzed_ago, 'unixepoch')),
  time_utc        TEXT AS (strftime('%Y-%m-%dT%H:%M:%SZ', time, 'unixepoch')),
  is_suspect      INTEGER AS (suspect <> 0),
  -- What speaks against likes alone comes last: whoever reads another reason knows that nothing is measured.
  reason          TEXT AS (CASE WHEN suspect & 2 THEN 'zero' WHEN suspect & 4 THEN 'cached' WHEN suspect & 8 THEN 'clock' WHEN suspect THEN 'zero' END),
  source          TEXT AS (CASE WHEN refresh_id < 0 THEN 'import' ELSE 'refresh' END),
  -- A count, where it is measured: what every statement about growth is made from.
  measured_followers INTEGER AS (CASE WHEN suspect < 2 THEN followers END),
  measured_videos    INTEGER AS (CASE WHEN suspect < 2 THEN videos END),
  measured_likes     INTEGER AS (CASE WHEN suspect = 0 THEN likes END),
  PRIMARY KEY (account, refresh_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER _snapshot_stays BEFORE UPDATE ON _snapshot
BEGIN SELECT raise(ABORT, 'a snapshot never changes'); END;

CREATE TRIGGER _snapshot_remains BEFORE DELETE ON _snapshot
BEGIN SELECT raise(ABORT, 'a snapshot is never removed'); END;

-- What the budget counts, by the UTC day (since 1970) of the claim. Kept by the triggers below, so
-- that it cannot differ from the ledger. `manual` is the part of `spent` that people asked for,
-- `failed` the calls that ended without a snapshot: an ok, the usual end, writes nothing here, and
-- spares each refresh a page.
CREATE TABLE _spend (
  day    INTEGER PRIMARY KEY,
  calls  INTEGER NOT NULL,
  spent  INTEGER NOT NULL,
  manual INTEGER NOT NULL,
  failed INTEGER NOT NULL
) STRICT;

CREATE TRIGGER _refresh_claimed AFTER INSERT ON _refresh WHEN new.outcome <> 4
BEGIN
  INSERT INTO _spend VALUES (new.started_time / 86400, 1, new.spent,
                             iif(new.cause >= 4, new.spent, 0), new.outcome IN (2, 3))
  ON CONFLICT DO UPDATE SET calls = calls + 1, spent = spent + excluded.spent,
                            manual = manual + excluded.manual, failed = failed + excluded.failed;
END;

CREATE TRIGGER _refresh_settled AFTER UPDATE OF outcome, spent ON _refresh
WHEN new.spent <> old.spent OR (new.outcome IN (2, 3)) <> (old.outcome IN (2, 3))
BEGIN
  UPDATE _spend SET spent = spent + new.spent - old.spent,
                    manual = manual + iif(new.cause >= 4, new.spent - old.spent, 0),
                    failed = failed + (new.outcome IN (2, 3)) - (old.outcome IN (2, 3))
  WHERE day = new.started_time / 86400;
END;

-- Why only probes are sent; no row while the circuit breaker is closed
-- (src/engine/breaker.rs).
CREATE TABLE _breaker (
  breaker          INTEGER PRIMARY KEY CHECK (breaker = 1),
  since_time       INTEGER NOT NULL,
  trouble          INTEGER NOT NULL,
  reason           TEXT    NOT NULL,
  opened_after     INTEGER NOT NULL,
  probes           INTEGER NOT NULL,
  probe_time       INTEGER NOT NULL,
  fresh_probes     INTEGER NOT NULL,
  fresh_probe_time INTEGER NOT NULL,
  last_account     INTEGER NOT NULL,
  half_open_wanted INTEGER NOT NULL CHECK (half_open_wanted IN (0, 1)),
  half_open_time   INTEGER
) STRICT;

-- The accounts whose calls ended in trouble since the last ok, each as it was before: the vendor's
-- trouble is not theirs.
CREATE TABLE _troubled (
  account       INTEGER PRIMARY KEY REFERENCES _account,
  phase         INTEGER NOT NULL,
  next_due      INTEGER,
  settled_slot  INTEGER,
  open_slot     INTEGER,
  tries         INTEGER NOT NULL,
  paid          INTEGER NOT NULL,
  refusals      INTEGER NOT NULL,
  first_failure INTEGER,
  last_failure  INTEGER,
  is_failing    INTEGER NOT NULL
) STRICT;

-- At most one row: the vendor asked for a while without calls.
CREATE TABLE _wait (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  until_time INTEGER NOT NULL,
  reason     TEXT    NOT NULL
) STRICT;

-- The calendar of the views that count by ISO weeks and by months, in UTC: SQLite before 3.46 has
-- no %G and %V, and no view could go through the weeks of one account alone without a table.
CREATE TABLE _week (
  from_time INTEGER PRIMARY KEY,
  to_time   INTEGER NOT NULL,
  week      TEXT    NOT NULL,
  from_utc  TEXT AS (strftime('%Y-%m-%dT%H:%M:%SZ', from_time, 'unixepoch')),
  to_utc    TEXT AS (strftime('%Y-%m-%dT%H:%M:%SZ', to_time, 'unixepoch'))
) STRICT;

CREATE TABLE _month (
  from_time INTEGER PRIMARY KEY,
  to_time   INTEGER NOT NULL,
  month     TEXT    NOT NULL,
  from_utc  TEXT AS (strftime('%Y-%m-%dT%H:%M:%SZ', from_time, 'unixepoch')),
  to_utc    TEXT AS (strftime('%Y-%m-%dT%H:%M:%SZ', to_time, 'unixepoch'))
) STRICT;

-- From Monday 2000-01-03 to the end of 2099. A week is named by its Thursday, 259200 s after its
-- beginning.
INSERT INTO _week
WITH RECURSIVE monday(time) AS (
  VALUES (946857600) UNION ALL SELECT time + 604800 FROM monday WHERE time < 4101580800)
SELECT time, time + 604800,
       strftime('%Y', time + 259200, 'unixepoch')
         || printf('-W%02d', (strftime('%j', time + 259200, 'unixepoch') + 6) / 7)
FROM monday;

INSERT INTO _month
WITH RECURSIVE first(time) AS (
  VALUES (946684800)
  UNION ALL
  SELECT CAST(strftime('%s', time, 'unixepoch', '+1 month') AS INTEGER) FROM first WHERE time < 4099766400)
SELECT time, CAST(strftime('%s', time, 'unixepoch', '+1 month') AS INTEGER),
       strftime('%Y-%m', time, 'unixepoch')
FROM first;
