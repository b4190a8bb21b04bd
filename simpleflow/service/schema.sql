-- The journal of the service. Version 2.
--
-- Primary, and enough to rebuild the rest: domains, types, runs, events, heartbeats.
-- Projections: closed_runs and closed_index, made of the events of runs that have closed, though not at once.

CREATE TABLE domains (
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    description TEXT,
    retention TEXT NOT NULL,
    tags TEXT NOT NULL, -- JSON object
    PRIMARY KEY (region, name)
) WITHOUT ROWID;

CREATE TABLE types (
    region TEXT NOT NULL,
    domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    description TEXT,
    created_ms INTEGER NOT NULL,
    deprecated_ms INTEGER,
    defaults TEXT NOT NULL, -- JSON object
    PRIMARY KEY (region, domain, kind, name, version)
) WITHOUT ROWID;

-- AUTOINCREMENT: the key of a purged run is never given again.
CREATE TABLE runs (
    run_key INTEGER PRIMARY KEY AUTOINCREMENT,
    region TEXT NOT NULL,
    domain TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    run_id TEXT NOT NULL UNIQUE
);

-- With a rowid: the events that one commit adds to many runs lie side by side in the file.
CREATE TABLE events (
    run_key INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    body TEXT NOT NULL, -- the JSON that goes on the wire
    nonce TEXT, -- of the token of a task, beside the event that says it has started
    PRIMARY KEY (run_key, event_id)
);

CREATE TABLE heartbeats (
    run_key INTEGER NOT NULL,
    scheduled_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    details TEXT,
    PRIMARY KEY (run_key, scheduled_id)
) WITHOUT ROWID;

CREATE TABLE closed_runs (
    run_key INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    closed_ms INTEGER NOT NULL,
    purge_ms INTEGER NOT NULL,
    description TEXT NOT NULL -- JSON, the answer to DescribeWorkflowExecution
);

CREATE INDEX closed_runs_by_purge ON closed_runs (purge_ms, run_key);

-- A closed run stands once on each shelf on which a filter of list and count may look for it.
CREATE TABLE closed_index (
    shelf TEXT NOT NULL, -- JSON list: region, domain, start or close, filter
    at_ms INTEGER NOT NULL,
    run_key INTEGER NOT NULL,
    PRIMARY KEY (shelf, at_ms, run_key)
) WITHOUT ROWID;
