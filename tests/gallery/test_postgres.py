"""A gallery in PostgreSQL: what only a server can do, refuse or lose."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
import psycopg
import pytest

from sameplayer.errors import DataError, InternalError, MissingExtra, SettingError
from sameplayer.gallery import gallery as module
from sameplayer.gallery.gallery import Gallery, create_gallery, open_gallery
from sameplayer.gallery.integrity.audit import verify
from sameplayer.gallery.people.corrections import rename
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.reverting.undo import undo
from sameplayer.gallery.search.asking import ask_vectors
from sameplayer.gallery.store.address import ADDRESS, Address
from sameplayer.gallery.store.open import open_database
from sameplayer.gallery.store.pool import IDLE, numbered
from sameplayer.gallery.store.postgres import PostgresDatabase
from sameplayer.gallery.store.postgres_errors import STATES, rows_kept
from tests.postgres_server import PASSWORD_ROLE, Server

pytestmark = pytest.mark.parametrize("store", ["postgres"], indirect=True)


@pytest.fixture
def database(gallery: Gallery) -> PostgresDatabase:
    assert isinstance(gallery.database, PostgresDatabase)
    return gallery.database


@contextmanager
def _sql(server: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.connection(), autocommit=True) as connection:
        yield connection


def _hasty(database: PostgresDatabase) -> PostgresDatabase:
    return PostgresDatabase(database.address, lock_timeout_s=0.3)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a = ? AND b = ?", "a = $1 AND b = $2"),
        ("a = '?' AND b = ? AND c = '''?'", "a = '?' AND b = $1 AND c = '''?'"),
        ("a LIKE '%' AND b % 2 = ?", "a LIKE '%' AND b % 2 = $1"),
        ("a", "a"),
    ],
)
def test_marks_become_numbers(store: str, sql: str, expected: str) -> None:
    assert numbered(sql) == expected


def test_a_server_that_starts_again_is_found_again(gallery: Gallery, server: Server) -> None:
    server.stop()
    try:
        with pytest.raises(DataError, match=r"cannot be reached|was stopped|was lost"):
            gallery.persons()
        with pytest.raises(DataError, match="the server cannot be reached; start it"):
            gallery.persons()
    finally:
        server.start()
    assert len(gallery.persons()) == 3


def test_idle_connections_that_were_lost_are_replaced(gallery: Gallery, server: Server) -> None:
    gallery.persons()
    server.stop()
    server.start()
    assert len(gallery.persons()) == 3
    with gallery.change("me", "test") as change:
        change.done()


def test_a_server_that_stops_in_a_change_keeps_nothing_of_it(
    gallery: Gallery, server: Server
) -> None:
    with pytest.raises(DataError, match=r"nothing was changed|was lost"):
        _rename_while_it_stops(gallery, server)
    assert [one.name for one in gallery.persons()] == ["Ann", "Bea", "Cleo"]


def _rename_while_it_stops(gallery: Gallery, server: Server) -> None:
    with gallery.change("me", "rename") as change:
        change.cursor.run("UPDATE person SET name = name || '!'")
        server.stop()
        server.start()
        change.done()


def test_a_wrong_password_is_told_and_the_right_one_lets_in(
    gallery: Gallery, server: Server, database: PostgresDatabase, monkeypatch
) -> None:
    with _sql(server) as sql:
        sql.execute(f"DROP ROLE IF EXISTS {PASSWORD_ROLE}")
        sql.execute(f"CREATE ROLE {PASSWORD_ROLE} SUPERUSER LOGIN PASSWORD 'right'")
    address = Address(server.connection(PASSWORD_ROLE), database.address.schema)
    for password in ("wrong", ""):
        monkeypatch.setenv("PGPASSWORD", password)
        with pytest.raises(DataError, match="refuses the role or its password; set PGPASSWORD"):
            PostgresDatabase(address)
    monkeypatch.setenv("PGPASSWORD", "right")
    with PostgresDatabase(address).read() as cursor:
        assert cursor.one("SELECT COUNT(*) FROM person") == (3,)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("LOGIN CONNECTION LIMIT 0", "too many connections; close some"),
        ("NOLOGIN", "does not let this role in"),
    ],
)
def test_a_role_that_may_not_connect_is_told(
    server: Server, database: PostgresDatabase, settings: str, words: str
) -> None:
    with _role(server, settings) as role:
        address = Address(server.connection(role), database.address.schema)
        with pytest.raises(DataError, match=words):
            PostgresDatabase(address)


def test_a_role_that_may_only_read_reads(server: Server, database: PostgresDatabase) -> None:
    schema = database.address.schema
    with _role(server, "LOGIN") as role:
        with _sql(server) as sql:
            sql.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
            sql.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
        other = PostgresDatabase(Address(server.connection(role), schema))
        with other.read() as cursor:
            assert cursor.one("SELECT COUNT(*) FROM person") == (3,)
        with pytest.raises(DataError, match="the role may not do that; nothing was changed"):
            with other.write() as cursor:
                cursor.run("UPDATE latest SET changed = 0")
        assert other.files() == []
        assert any("wal_recycle" in one for one in other.remains())


def test_a_read_only_server_is_told(server: Server, database: PostgresDatabase) -> None:
    with _role(server, "SUPERUSER LOGIN") as role:
        with _sql(server) as sql:
            sql.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
        other = PostgresDatabase(Address(server.connection(role), database.address.schema))
        with pytest.raises(DataError, match="read-only; nothing was changed"):
            with other.write() as cursor:
                cursor.run("UPDATE latest SET changed = 0")


def test_a_role_without_special_rights_keeps_a_gallery(
    tmp_path: Path, encoder, pictures, server: Server, store: str
) -> None:
    with _role(server, "LOGIN") as role:
        with _sql(server) as sql:
            sql.execute(f"GRANT CREATE ON DATABASE postgres TO {role}")
        own = server.connection(role)
        with create_gallery(tmp_path / "own", encoder, purpose="test", store=own) as gallery:
            enrol_pictures(gallery, {"Ann": pictures(0)}, actor="me")
            gallery.database.erase()
            assert gallery.database.files() == []
            assert gallery.database.problems() == []
            with _sql(server) as sql:
                sql.execute(f"GRANT pg_checkpoint TO {role}")
                sql.execute(f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {role}")
                sql.execute(f"ALTER ROLE {role} SET wal_recycle = off")
            gallery.close()
            assert len(gallery.database.remains()) == 2  # the server's setting counts, not this
            with _sql(server) as sql:
                sql.execute(f"ALTER ROLE {role} RESET wal_recycle")
            gallery.close()
            with _log_removed(server):
                assert len(gallery.database.remains()) == 1
            gallery.database.erase()
            assert ask_vectors(gallery, pictures(0)[0].vector[None], actor="me").persons == 1


@contextmanager
def _role(server: Server, settings: str) -> Iterator[str]:
    with _sql(server) as sql:
        sql.execute(f"CREATE ROLE other {settings}")
    try:
        yield "other"
    finally:
        with _sql(server) as sql:
            sql.execute("DROP OWNED BY other CASCADE")
            sql.execute("DROP ROLE other")


@pytest.mark.parametrize("state", ["53100", "53200", "58030", "XX001", "40P01", "57014", "22P02"])
def test_what_the_server_says_is_told_in_words(database: PostgresDatabase, state: str) -> None:
    words = next(words for start, words in STATES.items() if state.startswith(start))
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(DataError, match=re.escape(words) + r" \(so it is\)"):
        with database.write() as cursor:
            cursor.run(raising)
    with database.write() as cursor:
        assert cursor.run("UPDATE latest SET changed = changed") == 1


def test_a_text_that_postgresql_cannot_keep_is_told(gallery: Gallery, pictures) -> None:
    with pytest.raises(DataError, match="a value that PostgreSQL cannot keep; nothing was changed"):
        with gallery.change("me", "test") as change:
            change.set("person", change.cursor.one("SELECT id FROM person")[0], team="a\0b")
    assert [one.team for one in gallery.persons()] == [None] * 3


def test_a_statement_that_failed_unseen_is_not_kept(database: PostgresDatabase) -> None:
    with pytest.raises(InternalError, match="a statement failed; nothing was changed"):
        _rename_and_go_on(database)
    with database.read() as cursor:
        assert cursor.one("SELECT COUNT(*) FROM person WHERE name = 'Ann'") == (1,)


def _rename_and_go_on(database: PostgresDatabase) -> None:
    with database.write() as cursor:
        cursor.run("UPDATE person SET name = name || '!'")
        with pytest.raises(psycopg.Error):
            cursor.run("SELECT nonsense")


def test_another_writer_is_waited_for_and_then_told(
    server: Server, database: PostgresDatabase
) -> None:
    hasty = _hasty(database)
    with database.write():
        with pytest.raises(DataError, match="locked by another program for 0 s"):
            with hasty.write():
                pass
    with hasty.write() as cursor:
        assert cursor.run("UPDATE latest SET changed = changed") == 1


def _bytes_of(paths: list[Path]) -> bytes:
    return b"".join(path.read_bytes() for path in paths)


def test_erasing_leaves_no_byte_in_the_tables_nor_in_the_statistics(
    gallery: Gallery, pictures, server: Server, database: PostgresDatabase
) -> None:
    vector = pictures(50)[2]
    enrol_pictures(gallery, {"Zebulon Quatermass": [vector]}, actor="me")
    marks = (b"Zebulon Quatermass", vector.vector.tobytes()[64:128])
    with _sql(server) as sql:
        sql.execute("ANALYZE")
        sql.execute("CHECKPOINT")
    before = _bytes_of(database.files())
    assert all(mark in before for mark in marks)
    _delete(database, "Zebulon Quatermass")
    with _sql(server) as sql:
        sql.execute("VACUUM")
        sql.execute("CHECKPOINT")
    vacuumed = _bytes_of(database.files())
    assert all(mark in vacuumed for mark in marks)  # why a plain VACUUM is not enough
    database.erase()
    everything = [path for path in server.data.rglob("*") if path.is_file()]
    tables = _bytes_of([path for path in everything if "pg_wal" not in path.parts])
    assert not any(mark in tables for mark in marks)
    assert b"Cleo" in tables
    log = _bytes_of([path for path in everything if "pg_wal" in path.parts])
    assert any(mark in log for mark in marks)  # what ``remains`` says
    assert any("write-ahead log keeps it until" in one for one in database.remains())
    assert len(gallery.persons()) == 3
    assert database.problems() == []


def test_where_the_log_is_not_recycled_no_byte_stays_at_all(
    gallery: Gallery, pictures, server: Server, database: PostgresDatabase
) -> None:
    vector = pictures(51)[1]
    enrol_pictures(gallery, {"Ottilie Wildermuth": [vector]}, actor="me")
    _delete(database, "Ottilie Wildermuth")
    with _log_removed(server):
        database.erase()
        assert len(database.remains()) == 1  # backups
        everything = _bytes_of([path for path in server.data.rglob("*") if path.is_file()])
    assert b"Ottilie Wildermuth" not in everything
    assert vector.vector.tobytes()[64:128] not in everything


@contextmanager
def _log_removed(server: Server) -> Iterator[None]:
    with _sql(server) as sql:
        sql.execute("ALTER SYSTEM SET wal_recycle = off")
        sql.execute("SELECT pg_reload_conf()")
        sql.execute("SELECT pg_sleep(0.2)")
        try:
            yield
        finally:
            sql.execute("ALTER SYSTEM RESET wal_recycle")
            sql.execute("SELECT pg_reload_conf()")


def _delete(database: PostgresDatabase, name: str) -> None:
    with database.write() as cursor:
        person = cursor.one("SELECT id FROM person WHERE name = ?", name)[0]
        cursor.run(
            "DELETE FROM vector USING picture WHERE picture = picture.id AND person = ?", person
        )
        cursor.run("DELETE FROM picture WHERE person = ?", person)
        cursor.run("DELETE FROM person WHERE id = ?", person)
        cursor.run(
            "UPDATE event SET detail = NULL, salt = NULL WHERE seq IN "
            "(SELECT seq FROM about WHERE subject = ?)",
            person,
        )


def test_bytes_that_an_old_transaction_may_see_are_not_said_to_be_gone(
    server: Server, database: PostgresDatabase
) -> None:
    hasty = _hasty(database)
    with _sql(server) as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1")
        _delete(database, "Ann")
        with pytest.raises(DataError, match="another transaction is open since 0 s"):
            hasty.erase()
        old.execute(f"SELECT * FROM {database.address.schema}.person")
        with pytest.raises(DataError, match="locked by another program"):
            hasty.erase()
    hasty.erase()
    assert b"Ann\x00" not in _bytes_of(database.files())


def test_damage_is_found_and_told(server: Server, database: PostgresDatabase) -> None:
    with _sql(server) as sql:
        sql.execute("CHECKPOINT")
        name = sql.execute(f"SELECT pg_relation_filepath('{database.address.schema}.about')")
        path = server.data / name.fetchone()[0]
    server.stop()
    with open(path, "r+b") as file:
        file.write(b"\xa5" * 64)
    server.start()
    found = database.problems()
    assert len(found) == 1
    assert found[0].startswith("about: damaged; restore it from a backup")


def test_a_broken_index_and_a_careless_server_are_found(
    server: Server, database: PostgresDatabase
) -> None:
    with _sql(server) as sql:
        sql.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
            f"'{database.address.schema}.picture_person'::regclass"
        )
        sql.execute("ALTER SYSTEM SET fsync = off")
        sql.execute("SELECT pg_reload_conf()")
        sql.execute("SELECT pg_sleep(0.2)")
        try:
            found = PostgresDatabase(database.address).problems()
        finally:
            sql.execute("ALTER SYSTEM RESET fsync")
            sql.execute("SELECT pg_reload_conf()")
    assert found == [
        "fsync is off: a power cut may damage all tables",
        "index picture_person is not valid",
    ]


def test_idle_connections_are_few(gallery: Gallery, pictures, database: PostgresDatabase) -> None:
    from concurrent.futures import ThreadPoolExecutor

    query = pictures(1)[0].vector[None]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: ask_vectors(gallery, query, actor="me"), range(64)))
    with database.read() as cursor:
        sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'sameplayer'"
        count = cursor.one(sql)[0]
    assert count <= IDLE + 1


def test_no_schema_stays_of_a_gallery_that_was_not_made(
    tmp_path: Path, encoder, server: Server, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DataError("no room")

    monkeypatch.setattr(module, "write_settings", fail)
    schemas = "SELECT nspname FROM pg_namespace"
    with _sql(server) as sql:
        before = sql.execute(schemas).fetchall()
        with pytest.raises(DataError, match="no room"):
            create_gallery(tmp_path / "new", encoder, purpose="test", store=store)
        assert sql.execute(schemas).fetchall() == before
    assert not (tmp_path / "new").exists()


def test_no_password_may_stand_in_the_folder(tmp_path: Path, encoder, store: str) -> None:
    for given in ("postgresql://club:secret@localhost/club", "host=localhost password=secret"):
        with pytest.raises(SettingError, match="PGPASSWORD") as caught:
            create_gallery(tmp_path / "new", encoder, purpose="test", store=given)
        assert "secret" not in str(caught.value)
    with pytest.raises(SettingError, match="expected a connection string such as"):
        create_gallery(tmp_path / "new", encoder, purpose="test", store="nonsense")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected two lines"),
        ("{0}\n", "expected two lines"),
        ("{0}\nclub; DROP SCHEMA public\n", "expected two lines"),
        ("{0} password=x\nclub\n", "PGPASSWORD"),
        ("{0}\nclub\n", "no such schema"),
        ("{0}\npublic\n", "this version reads 'sameplayer gallery, format 2'"),
        ("host=/nowhere dbname=postgres\nclub\n", "the server cannot be reached"),
        ("{1} dbname=nothing\nclub\n", "no such role or database"),
    ],
)
def test_an_address_that_is_wrong_is_told(
    gallery: Gallery, server: Server, text: str, words: str
) -> None:
    path = gallery.folder / ADDRESS
    given = server.connection()
    path.write_text(text.format(given, re.sub("dbname=[a-z]+", "", given)))
    with pytest.raises(DataError, match=words):
        open_database(gallery.folder)


def test_tables_that_are_gone_are_told(gallery: Gallery, database: PostgresDatabase) -> None:
    database.drop()
    with pytest.raises(DataError, match="its tables are gone"):
        gallery.persons()
    with pytest.raises(DataError, match="no such schema"):
        open_gallery(gallery.folder)


def test_without_psycopg_the_extra_is_named(gallery: Gallery, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"sameplayer\[postgres\]"):
        open_gallery(gallery.folder)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([("copy_table_data", "3 dead row versions cannot be removed yet.\nCPU: user: 0.01 s")], 3),
        ([("copy_table_data", "0 tote Zeilenversionen können noch nicht entfernt werden.\n1.")], 0),
        ([("other", "7 of something"), ("copy_table_data", "A\u00fan no se pueden: 12.")], 12),
        ([("copy_table_data", "rows: 3 of 5")], None),
        ([("other", "3 rows")], None),
        ([], None),
    ],
)
def test_what_was_kept_is_known_in_every_language_or_said_to_be_unknown(said, kept, store):
    assert rows_kept(said) == kept


def test_a_server_that_does_not_say_what_it_kept_is_named_in_the_receipt(
    gallery: Gallery, monkeypatch
) -> None:
    assert not [one for one in forget(gallery, "Ann", actor="me").notes if "does not say" in one]
    monkeypatch.setattr("sameplayer.gallery.store.postgres_errors.REWRITER", "another")
    assert [one for one in forget(gallery, "Bea", actor="me").notes if "does not say" in one]


def test_what_one_asker_writes_does_not_wait_for_another(
    gallery: Gallery, database: PostgresDatabase, server: Server, pictures
) -> None:
    """It holds a shared lock for one statement; only who changes something holds others up."""
    vectors = np.stack([one.vector for one in pictures(0)])
    hasty = Gallery(gallery.folder, _hasty(database), gallery.encoder)
    with _sql(server) as sql:
        sql.execute(f"SET search_path TO {database.address.schema}")
        with sql.transaction():
            sql.execute("SELECT 1 FROM setting FOR KEY SHARE")  # as another asker has it
            ask_vectors(hasty, vectors, actor="me")
    with database.write(), pytest.raises(DataError, match="locked by another program for 0 s"):
        ask_vectors(hasty, vectors, actor="me")
    hasty.close()


def test_many_askers_write_one_chain(gallery: Gallery, pictures) -> None:
    vectors = np.stack([one.vector for one in pictures(0)])
    before = verify(gallery).events

    def ask(row: int) -> None:
        ask_vectors(gallery, vectors, actor=f"asker {row}")
        if row % 25 == 0:
            with turn:
                rename(gallery, "Ann", f"Ann {row}", actor="me")
                undo(gallery, actor="me")

    turn = Lock()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(1, 101)))
    found = verify(gallery)
    assert (found.wrong, found.events) == ((), before + 100 + 2 * 4)
