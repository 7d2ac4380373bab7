-- The private tables, whose names begin with an underscore.
-- The view refreshes names the codes of cause and outcome; a test compares it with
-- src/store/ledger.rs.

CREATE TABLE _account (
  account         INTEGER PRIMARY KEY,
  account_id      TEXT    NOT NULL UNIQUE,
  label           TEXT,
  tags            TEXT    NOT NULL CHECK (json_valid(tags)),
  cron            TEXT    NOT NULL,
  timezone        TEXT    NOT NULL,
  spread          INTEGER NOT NULL,
  -- The schedule by which a disabled account was last watched. NULL: the one above.
  left_cron       TEXT,
  left_timezone   TEXT,
  left_spread     INTEGER,
  enabled         INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  added_time      INTEGER NOT NULL,
  removed_time    INTEGER,
  -- Since when the account has been watched without interruption. Nothing is owed for earlier
  -- slots.
  active_time     INTEGER NOT NULL,
  -- The account is due when next_due <= now, and for no other reason. NULL: not watched.
  next_due        INTEGER,
  -- What the account owes: 0 its first snapshot, 1 nothing before next_due, 2 open_slot. The
  -- meaning of these columns together, and their transitions, are in src/engine/account_state.rs.
  phase           INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 2),
  -- The last slot that needs no further call. Of an account that left the list without a
  -- snapshot, the latest slot then.
  settled_slot    INTEGER,
  open_slot       INTEGER,
  -- Failed calls for what is owed: all, those that may have cost a credit, those refused.
  tries           INTEGER NOT NULL DEFAULT 0,
  paid            INTEGER NOT NULL DEFAULT 0,
  refusals        INTEGER NOT NULL DEFAULT 0,
  -- The time from the slot that is owed, or comes next, to the one after it, in seconds.
  interval        INTEGER NOT NULL,
  -- Ledger lines of failed calls since the last ok: the first and the last of any kind, the first
  -- that was throttled, and the first that was the account's own trouble.
  first_failure   INTEGER,
  last_failure    INTEGER,
  first_throttled INTEGER,
  own_failure     INTEGER,
  -- The ledger line of the last ok.
  last_refresh    INTEGER,
  -- Whether a slot was given up since the last ok, or the account was refused.
  is_failing      INTEGER NOT NULL DEFAULT 0 CHECK (is_failing IN (0, 1)),
  -- How often an open breaker has restored this row since the last ok; one more if a slot was
  -- replaced unserved after the first time.
  restored        INTEGER NOT NULL DEFAULT 0,
  -- The slot that an edited schedule has made due. It is never too late for catch_up.
  edited_slot     INTEGER,
  CHECK ((removed_time IS NULL AND enabled = 1) = (next_due IS NOT NULL)),
  CHECK ((phase = 2) = (open_slot IS NOT NULL)),
  CHECK (phase <> 1 OR settled_slot IS NOT NULL),
  CHECK (phase <> 0 OR settled_slot IS NULL OR next_due IS NULL)
) STRICT;

CREATE INDEX _account_due ON _account (next_due) WHERE next_due IS NOT NULL;
CREATE INDEX _account_disabled ON _account (account) WHERE next_due IS NULL AND removed_time IS NULL;
CREATE INDEX _account_failing ON _account (account) WHERE is_failing = 1;
CREATE INDEX _account_troubled ON _account (account) WHERE last_failure IS NOT NULL;
CREATE INDEX _account_open ON _account (account) WHERE open_slot IS NOT NULL;
CREATE INDEX _account_label ON _account (label) WHERE label IS NOT NULL;

CREATE TABLE _profile (
  account      INTEGER PRIMARY KEY REFERENCES _account,
  platform     TEXT,
  -- Handles are the same in any case, on every platform.
  username     TEXT COLLATE NOCASE,
  display_name TEXT,
  bio          TEXT,
  avatar_url   TEXT,
  profile_url  TEXT,
  is_verified  INTEGER CHECK (is_verified IN (0, 1)),
  -- The display name, else the handle, whichever is not only white space. Stored, because almost
  -- every query reads it, and a profile is seldom written.
  name         TEXT AS (coalesce(unless_blank!(display_name), unless_blank!(username))) STORED
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

-- The ledger: a row for every paid call, committed before the call is sent.
CREATE TABLE _refresh (
  refresh_id    INTEGER PRIMARY KEY,
  -- NULL only for an `add` whose response did not identify the account.
  account       INTEGER REFERENCES _account CHECK (account IS NOT NULL OR cause = 5),
  cause         INTEGER NOT NULL CHECK (cause BETWEEN 0 AND 5),
  outcome       INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 4),
  spent         INTEGER NOT NULL CHECK (spent IN (0, 1)),
  slot          INTEGER,
  -- Whether the call buys its slot: it is pending, or was ok. An ok leaves this column unchanged, so
  -- that settling it does not rewrite the index below.
  buys_slot     INTEGER NOT NULL DEFAULT 0 CHECK (buys_slot = (slot IS NOT NULL AND outcome <= 1)),
  -- How long after its slot the next one was to follow, in seconds: by the schedule at the claim, or
  -- longer if its snapshot replaced the next slot as well or an edit made the account wait.
  interval      INTEGER,
  started_time  INTEGER NOT NULL,
  -- Seconds until the call was settled; negative if the clock was set back meanwhile. The default
  -- is meaningless, but takes one byte, as most durations do (2 to 127 s). If settling made a row
  -- longer, it would no longer fit on its page, which would be split.
  took          INTEGER NOT NULL DEFAULT 99,
  -- NULL for an ok, whose status is always 200.
  status        INTEGER CHECK (status IS NULL OR outcome <> 1),
  error         TEXT,
  answer        TEXT,
  finished_time INTEGER AS (CASE WHEN outcome <> 0 THEN started_time + took END),
  http_status   INTEGER AS (CASE outcome WHEN 1 THEN 200 ELSE status END)
) STRICT;

-- Enforces that no slot is bought twice.
CREATE UNIQUE INDEX _refresh_slot ON _refresh (account, slot) WHERE buys_slot = 1;

-- Clustered by account, so that an account's history takes only a page or two and needs no separate
-- index. A history is ordered by refresh_id. The generated columns are not stored and take no
-- space. They decode values stored in a compact form, and give the views' columns their declared
-- types, which an expression in a view has not.
CREATE TABLE _snapshot (
  account         INTEGER NOT NULL REFERENCES _account,
  -- Negative: imported. Such a ledger line is not a call (skipped, nothing spent), and is not
  -- shown.
  refresh_id      INTEGER NOT NULL REFERENCES _refresh,
  time            INTEGER NOT NULL,
  followers       INTEGER,
  following       INTEGER,
  videos          INTEGER,
  likes           INTEGER,
  -- An INTEGER of thousandths if that is exact, else the REAL itself (src/store/rate.rs). The CHECK
  -- does not use `IN`, for which SQLite would build a temporary table at every insertion.
  engagement      ANY CHECK (typeof(engagement) <> 'text' AND typeof(engagement) <> 'blob'),
  virality        ANY CHECK (typeof(virality) <> 'text' AND typeof(virality) <> 'blob'),
  -- An average may have a fraction. A whole number is stored and shown as one.
  avg_views       ANY CHECK (typeof(avg_views) <> 'text' AND typeof(avg_views) <> 'blob'),
  -- How many seconds before `time` the vendor read the platform.
  analyzed_ago    INTEGER,
  -- Why the snapshot is suspect (src/store/suspicion.rs). Likes only: 1 likes fell to 0. The whole
  -- response: 2 followers fell to 0, 4 cached, 8 its clock contradicts ours.
  suspect         INTEGER NOT NULL CHECK (suspect BETWEEN 0 AND 15),
  extra           TEXT,
  engagement_rate REAL AS (CASE typeof(engagement) WHEN 'integer' THEN engagement / 1000.0 ELSE engagement END),
  virality_score  REAL AS (CASE typeof(virality) WHEN 'integer' THEN virality / 1000.0 ELSE virality END),
  analyzed_time   INTEGER AS (time - analyzed_ago),
  analyzed_utc    TEXT AS (strftime('%Y-%m-%dT%H:%M:%SZ', time - analyzed_ago, 'unixepoch')),
  time_utc        TEXT AS (strftime('%Y-%m-%dT%H:%M:%SZ', time, 'unixepoch')),
  is_suspect      INTEGER AS (suspect <> 0),
  -- The reason for suspect likes alone comes last: any other reason means that no count is measured.
  reason          TEXT AS (CASE WHEN suspect & 2 THEN 'zero' WHEN suspect & 4 THEN 'cached' WHEN suspect & 8 THEN 'clock' WHEN suspect THEN 'zero' END),
  source          TEXT AS (CASE WHEN refresh_id < 0 THEN 'import' ELSE 'refresh' END),
  -- The measured counts, which everything about growth is calculated from.
  measured_followers INTEGER AS (CASE WHEN suspect < 2 THEN followers END),
  measured_videos    INTEGER AS (CASE WHEN suspect < 2 THEN videos END),
  measured_likes     INTEGER AS (CASE WHEN suspect = 0 THEN likes END),
  -- Whether any count is measured. A response without a usable count is no measurement.
  is_measured        INTEGER AS (suspect < 2 AND coalesce(followers, following, videos, measured_likes) IS NOT NULL),
  PRIMARY KEY (account, refresh_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER _snapshot_stays BEFORE UPDATE ON _snapshot
BEGIN SELECT raise(ABORT, 'a snapshot never changes'); END;

CREATE TRIGGER _snapshot_remains BEFORE DELETE ON _snapshot
BEGIN SELECT raise(ABORT, 'a snapshot is never removed'); END;

-- The calls and credits of each UTC day (since 1970), by the time of the claim, for the budget. The
-- triggers below maintain it, so that it cannot differ from the ledger. `manual` is the part of
-- `spent` for manual refreshes, and `failed` counts the calls that ended without a snapshot.
-- Settling an ok, the usual result, does not change this table, which saves each refresh a page
-- write.
--
-- No line before `first_pending` was pending when the day's last call was claimed, and none will be
-- again. So the pending lines are found by reading the ledger from the largest of them on. An index
-- of the pending lines would cost each refresh two page writes.
CREATE TABLE _spend (
  day    INTEGER PRIMARY KEY,
  calls  INTEGER NOT NULL,
  spent  INTEGER NOT NULL,
  manual INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  first_pending INTEGER NOT NULL
) STRICT;

CREATE TRIGGER _refresh_claimed AFTER INSERT ON _refresh WHEN new.outcome <> 4
BEGIN
  INSERT INTO _spend VALUES (new.started_time / 86400, 1, new.spent,
                             iif(new.cause >= 4, new.spent, 0), new.outcome IN (2, 3),
    ifnull((SELECT min(refresh_id) FROM _refresh WHERE outcome = 0 AND refresh_id >= coalesce(
             (SELECT first_pending FROM _spend WHERE day = new.started_time / 86400),
             (SELECT max(first_pending) FROM _spend), 0)), new.refresh_id))
  ON CONFLICT DO UPDATE SET calls = calls + 1, spent = spent + excluded.spent,
                            manual = manual + excluded.manual, failed = failed + excluded.failed,
                            first_pending = excluded.first_pending;
END;

CREATE TRIGGER _refresh_settled AFTER UPDATE OF outcome, spent ON _refresh
WHEN new.spent <> old.spent OR (new.outcome IN (2, 3)) <> (old.outcome IN (2, 3))
BEGIN
  UPDATE _spend SET spent = spent + new.spent - old.spent,
                    manual = manual + iif(new.cause >= 4, new.spent - old.spent, 0),
                    failed = failed + (new.outcome IN (2, 3)) - (old.outcome IN (2, 3))
  WHERE day = new.started_time / 86400;
END;

-- The open circuit breaker, as long as only probes are sent; no row while it is closed
-- (src/engine/breaker.rs).
CREATE TABLE _breaker (
  breaker           INTEGER PRIMARY KEY CHECK (breaker = 1),
  since_time        INTEGER NOT NULL,
  trouble           INTEGER NOT NULL,
  reason            TEXT    NOT NULL,
  opened_after      INTEGER NOT NULL,
  free_probes       INTEGER NOT NULL,
  paid_probes       INTEGER NOT NULL,
  probe_time        INTEGER NOT NULL,
  fresh_free_probes INTEGER NOT NULL,
  fresh_paid_probes INTEGER NOT NULL,
  fresh_probe_time  INTEGER NOT NULL,
  last_account      INTEGER NOT NULL,
  half_open_wanted  INTEGER NOT NULL CHECK (half_open_wanted IN (0, 1)),
  half_open_time    INTEGER,
  requested_time    INTEGER NOT NULL,
  requested_seconds INTEGER NOT NULL
) STRICT;

-- The accounts whose calls ended in trouble since the last ok, with their earlier states, which are
-- restored if the trouble turns out to be the vendor's.
CREATE TABLE _troubled (
  account       INTEGER PRIMARY KEY REFERENCES _account,
  phase         INTEGER NOT NULL,
  next_due      INTEGER,
  settled_slot  INTEGER,
  open_slot     INTEGER,
  tries         INTEGER NOT NULL,
  paid          INTEGER NOT NULL,
  refusals      INTEGER NOT NULL,
  own_failure   INTEGER,
  is_failing    INTEGER NOT NULL
) STRICT;

-- A random number, changed with the watchlist. It tells when an older copy was restored into the
-- file, as by `.restore` of sqlite3.
CREATE TABLE _watchlist (
  token INTEGER NOT NULL
) STRICT;

INSERT INTO _watchlist VALUES (random());

-- At most one row: a pause of all calls that the vendor asked for.
CREATE TABLE _wait (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  from_time  INTEGER NOT NULL,
  until_time INTEGER NOT NULL,
  reason     TEXT    NOT NULL
) STRICT;

-- The weeks and months, in UTC, for the views that count by them. SQLite before 3.46 lacks %G and
-- %V, and without a table a view could not list the weeks of one account only.
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

-- From Monday 2000-01-03 to the end of 2099. The year and number of an ISO week are those of its
-- Thursday, 259200 s after its beginning.
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
