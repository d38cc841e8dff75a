"""The statements that PostgreSQL alone is given: transactions, the catalogue, what remains."""

from __future__ import annotations

from sameplayer.gallery.store.base import EVENT

READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# The lock comes before the first look at the rows: what is seen is what the writer before left.
WRITE = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL synchronous_commit = on; "
    "LOCK TABLE setting IN EXCLUSIVE MODE"
)
# One statement, in which nothing waits for this program: it writes an event where the head of the
# seals is still the one after which the event was made, and gives its number; else it writes
# nothing. Its look at a setting waits for the writer who has the lock, and for no other note.
NOTE = f"""WITH free AS (SELECT name FROM setting LIMIT 1 FOR KEY SHARE),
moved AS (UPDATE seal SET mac = ? WHERE unit = 'head' AND mac = ? RETURNING unit),
written AS (INSERT INTO event ({EVENT})
  SELECT {", ".join("?" * 10)} WHERE EXISTS (SELECT 1 FROM moved) OR ?::text IS NULL RETURNING seq),
named AS (INSERT INTO about (subject, seq)
  SELECT subject, seq FROM written, unnest(?::text[]) AS subject RETURNING seq)
SELECT seq FROM written"""
CONTENT = """SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = $1 AND data_type IN ('text', 'bytea')"""
INDEXES = """SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)"""
FILES = """WITH own AS (SELECT oid, reltoastrelid FROM pg_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)),
all_of AS (SELECT oid FROM own UNION SELECT reltoastrelid FROM own WHERE reltoastrelid <> 0
UNION SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT reltoastrelid FROM own))
SELECT pg_relation_filepath(oid) FROM all_of WHERE pg_relation_filepath(oid) IS NOT NULL"""
# What a role or a session sets of it does not count: the server itself clears the log.
REMAINS = """SELECT EXISTS (SELECT 1 FROM pg_settings WHERE name = 'wal_recycle' AND setting = 'off'
AND source IN ('configuration file', 'command line'))
AND has_function_privilege('pg_switch_wal()', 'EXECUTE') AND EXISTS (SELECT 1 FROM pg_roles
WHERE rolname IN ('pg_checkpoint', current_user) AND (pg_has_role(oid, 'USAGE') AND
rolname = 'pg_checkpoint' OR rolsuper)), current_setting('archive_mode'),
(SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_stat_replication)"""
# Tables, views and the like; the indexes of primary keys and of UNIQUE columns come by themselves.
SCHEMA = """SELECT CASE WHEN relkind = 'i' THEN 'index' WHEN relkind = 'r' THEN 'table'
  WHEN relkind IN ('v', 'm') THEN 'view' ELSE 'relation' END, relname::text
FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
  AND oid NOT IN (SELECT conindid FROM pg_constraint)
UNION ALL SELECT 'trigger', tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND NOT tgisinternal
UNION ALL SELECT 'rule', rulename::text FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relkind = 'r'"""
