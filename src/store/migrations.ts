import { renameSync, rmSync } from 'node:fs'
import type Sqlite from 'better-sqlite3'
import { createPrivateFile } from './private-file.js'

/** In the header of every database of this program: "v4vd". */
export const APPLICATION_ID = 0x76347664

/**
 * One step of the schema's history, as SQL. Step n makes version n; none is ever changed. Each
 * changes tables or triggers, by which a version number that is damaged is told.
 */
export type Migration = string

export const migrations: readonly Migration[] = [
  `
  -- The highest number handed out so far, by what it numbers.
  CREATE TABLE sequences (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE domains (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 0x7FEF),
    name TEXT NOT NULL UNIQUE,
    tags TEXT NOT NULL CHECK (json_valid(tags)),
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL
  ) STRICT;

  -- A token is a domain's or, with a role, an admin's. Secrets are kept as SHA-256 only.
  CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    domain INTEGER REFERENCES domains (id) ON DELETE CASCADE,
    role TEXT,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    label TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    CHECK ((domain IS NULL) <> (role IS NULL))
  ) STRICT;
  CREATE INDEX tokens_by_domain ON tokens (domain);

  -- The table in force; positions are 1 to n without a gap.
  CREATE TABLE rules (
    id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    action TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    type TEXT NOT NULL,
    replies INTEGER NOT NULL CHECK (replies IN (0, 1)),
    comment TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE counters (
    rule TEXT PRIMARY KEY,
    hits INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    last_hit INTEGER
  ) STRICT, WITHOUT ROWID;

  -- What the rules were after each change: JSON and its SHA-256.
  CREATE TABLE revisions (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    rules TEXT NOT NULL
  ) STRICT;

  -- Each hash covers its row and the hash before it; audit_head is the last one.
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    revision_before INTEGER,
    revision_after INTEGER,
    reason TEXT NOT NULL,
    detail TEXT CHECK (detail IS NULL OR json_valid(detail)),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
  ) STRICT;
  CREATE TABLE audit_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
  ) STRICT;
  INSERT INTO audit_head VALUES (1, 0, zeroblob(32));
  CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
  CREATE TRIGGER audit_keeps_values BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
  `,
  `
  -- The policy after each change. The newest is the one in force; there is no other copy of it. The
  -- hash is the SHA-256 of the body; the format says how to read that. The body comes last, so that
  -- a listing does not have to read over it.
  CREATE TABLE policies (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    format INTEGER NOT NULL,
    rules INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  INSERT INTO policies
    SELECT revision, at, author, reason, hash, 1,
      CASE WHEN json_valid(rules) THEN json_array_length(rules) ELSE 0 END,
      octet_length(rules), CAST(rules AS BLOB)
    FROM revisions;
  DROP TABLE revisions;
  DROP TABLE rules;

  -- A revision that is rolled back when nobody confirms it in time.
  CREATE TABLE unconfirmed (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL,
    back_to INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    author TEXT NOT NULL
  ) STRICT;

  -- What admins put into the sets of the policy by hand, on top of what the policy says.
  CREATE TABLE set_elements (
    name TEXT NOT NULL,
    element TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    expires_at INTEGER,
    author TEXT NOT NULL,
    PRIMARY KEY (name, element)
  ) STRICT, WITHOUT ROWID;

  -- What rules that are gone have decided, by what they said.
  CREATE TABLE retired (
    action TEXT PRIMARY KEY,
    hits INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Of a rule's hits, those that audit mode let through; and what its limits refused.
  ALTER TABLE counters ADD COLUMN audited INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE counters ADD COLUMN audited_bytes INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE counters ADD COLUMN limited INTEGER NOT NULL DEFAULT 0;

  -- Domains in audit mode, by name; * is all of them.
  CREATE TABLE audit_modes (
    name TEXT PRIMARY KEY
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER audit_mode_ends_with_domain AFTER DELETE ON domains
    BEGIN DELETE FROM audit_modes WHERE name = OLD.name; END;
  `,
  `
  -- Flows that an operator has admitted for some time; without a source port from whatever port.
  CREATE TABLE grants (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    source_port INTEGER,
    destination TEXT NOT NULL,
    port INTEGER NOT NULL,
    type INTEGER NOT NULL,
    author TEXT NOT NULL,
    since INTEGER NOT NULL,
    expires INTEGER NOT NULL
  ) STRICT;
  CREATE TRIGGER grants_end_with_domain AFTER DELETE ON domains
    BEGIN DELETE FROM grants WHERE source = OLD.name OR destination = OLD.name; END;
  `,
  `
  -- Bytes of a rule's quota that are used, and since when they are counted.
  ALTER TABLE counters ADD COLUMN quota_used INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE counters ADD COLUMN quota_since INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- When a session of a domain began or ended last.
  ALTER TABLE domains ADD COLUMN last_seen_at INTEGER;
  `,
  `
  -- Which tokens end soon is asked often, of all owners.
  CREATE INDEX tokens_by_end ON tokens (expires_at) WHERE expires_at IS NOT NULL;
  `,
  `
  -- How whoever did it was known, and from where: an address, or a user of this machine.
  ALTER TABLE audit ADD COLUMN auth TEXT;
  ALTER TABLE audit ADD COLUMN origin TEXT;

  -- A sum over what a row lets somebody do: see seal.ts. The columns must stay as they are here.
  ALTER TABLE domains ADD COLUMN sum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE tokens ADD COLUMN sum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE set_elements ADD COLUMN sum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE audit_modes ADD COLUMN sum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE grants ADD COLUMN sum BLOB NOT NULL DEFAULT x'';
  UPDATE domains SET sum = row_sum('domains', id, name, tags, enabled);
  UPDATE tokens SET sum = row_sum('tokens', id, domain, role, hash, expires_at, revoked_at);
  UPDATE set_elements SET sum = row_sum('set_elements', name, element, expires_at);
  UPDATE audit_modes SET sum = row_sum('audit_modes', name);
  UPDATE grants SET sum =
    row_sum('grants', id, source, source_port, destination, port, type, since, expires);
  `,
  `
  -- How sessions ended: what is known of it, as JSON. Nobody is let do anything by it.
  CREATE TABLE disconnects (
    seq INTEGER PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT;
  `,
]

/**
 * Brings a database to the version of the last step, each step in its own transaction. Before the
 * first change to an existing database a copy is put beside it, `PATH.vN` for version N.
 * @param sqlite of no newer version; no transaction is open.
 */
export function migrate(path: string, sqlite: Sqlite.Database, steps: readonly Migration[]): void {
  const from = Number(sqlite.pragma('user_version', { simple: true }))
  if (from > 0 && from < steps.length) keepCopy(path, sqlite, from)
  for (const [index, sql] of steps.entries()) {
    if (index < from) continue
    const step = sqlite.transaction(() => {
      sqlite.exec(sql)
      sqlite.pragma(`application_id = ${APPLICATION_ID}`)
      sqlite.pragma(`user_version = ${index + 1}`)
    })
    step.immediate()
  }
}

// Under another name until it is whole, so that a copy cut off half way is never taken for one.
function keepCopy(path: string, sqlite: Sqlite.Database, version: number): void {
  const copy = `${path}.v${version}`
  const unfinished = `${copy}.unfinished`
  rmSync(unfinished, { force: true })
  createPrivateFile(unfinished)
  sqlite.prepare('VACUUM INTO ?').run(unfinished)
  renameSync(unfinished, copy)
}
