-- What Howdah keeps in the target. {schema} is the state schema; version 1.
CREATE SCHEMA IF NOT EXISTS {schema};

CREATE TABLE {schema}.version (
    version integer NOT NULL
);
INSERT INTO {schema}.version VALUES (1);

CREATE TABLE {schema}.run (
    id              text PRIMARY KEY,
    status          text NOT NULL CHECK (status IN ('running', 'loaded', 'done', 'undone')),
    source          text NOT NULL,
    target_schema   text NOT NULL,
    -- The run created the target schema, so undo drops it.
    schema_created  boolean NOT NULL,
    snapshot        json NOT NULL,
    plan            json NOT NULL,
    plan_digest     text NOT NULL,
    howdah_version  text NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    report          json
);

-- A row here commits together with the work it records.
CREATE TABLE {schema}.step (
    run_id       text NOT NULL REFERENCES {schema}.run ON DELETE CASCADE,
    id           text NOT NULL,
    outcome      json NOT NULL,
    finished_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, id)
);

CREATE TABLE {schema}.quarantine (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id        text NOT NULL REFERENCES {schema}.run ON DELETE CASCADE,
    source_table  text NOT NULL,
    source_key    text NOT NULL,
    reason        text NOT NULL,
    column_name   text NOT NULL,
    detail        text NOT NULL,
    cells         json NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (run_id, source_table, source_key)
);

CREATE TABLE {schema}.proof (
    number           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id           text NOT NULL REFERENCES {schema}.run ON DELETE CASCADE,
    made_at          timestamptz NOT NULL DEFAULT now(),
    status           text NOT NULL,
    snapshot_sha256  text NOT NULL,
    plan_digest      text NOT NULL,
    result           json NOT NULL
);
