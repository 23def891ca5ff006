import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from riskbridge.errors import ConfigError, FatalError, RetryableError
from riskbridge.model.connector import Connector
from riskbridge.store.config import database
from riskbridge.store.config.store import ConfigStore
from riskbridge.store.config.tables import HEAD, Base


def schema(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table's columns, keys and indexes, and every trigger, as SQLite knows them."""
    with closing(sqlite3.connect(path)) as con:
        names = [n for (n,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found: dict[str, list[tuple[object, ...]]] = {
            "triggers": con.execute(
                "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
            ).fetchall()
        }
        for name in names:
            if name == "alembic_version":
                continue
            found[name] = con.execute(f"PRAGMA table_xinfo({name})").fetchall()
            found[f"{name} refers to"] = con.execute(f"PRAGMA foreign_key_list({name})").fetchall()
            found[f"{name} indexes"] = sorted(
                (index, unique, *con.execute(f"PRAGMA index_info({index})").fetchall())
                for _, index, unique, *_ in con.execute(f"PRAGMA index_list({name})")
            )
    return found


def test_a_migrated_schema_is_the_schema_of_the_tables(path: Path, tmp_path: Path) -> None:
    ConfigStore(path).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    Base.metadata.create_all(engine)
    engine.dispose()
    assert schema(path) == schema(tmp_path / "fresh.db")


def test_alembic_finds_nothing_to_migrate(path: Path) -> None:
    ConfigStore(path).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_head_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert scripts.get_current_head() == HEAD


def test_every_table_has_a_postgresql_form() -> None:
    for table in Base.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_opening_an_up_to_date_store_leaves_alembic_unloaded(path: Path) -> None:
    ConfigStore(path).close()
    code = (
        "import sys, pathlib; from riskbridge.store.config.store import ConfigStore; "
        "ConfigStore(pathlib.Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_making_a_store_says_nothing(path: Path) -> None:
    code = (
        "import sys, pathlib, logging; logging.basicConfig(level=0); "
        "from riskbridge.store.config.store import ConfigStore; ConfigStore(pathlib.Path(sys.argv[1])).close()"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_file_is_private_to_its_user(store: ConfigStore, path: Path) -> None:
    store.save_connector(Connector("c1", "Lab"))
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert modes == {"config.db": 0o600, "config.db-wal": 0o600, "config.db-shm": 0o600}


def test_a_newer_store_is_refused_and_left_alone(path: Path) -> None:
    ConfigStore(path).close()
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="Upgrade riskbridge") as caught:
        ConfigStore(path)
    assert (caught.value.code, path.read_bytes()) == ("config.newer", before)


def _no_database(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database. " * 300)


def _broken_page(path: Path) -> None:
    ConfigStore(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))


def _other_header(path: Path) -> None:
    ConfigStore(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 3996 + whole[4096:])


def _cut_off(path: Path) -> None:
    ConfigStore(path).close()
    path.write_bytes(path.read_bytes()[:5000])


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("CREATE TABLE customer (name TEXT)")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(_no_database, "config.unreadable", id="no database"),
        pytest.param(_other_header, "config.unreadable", id="broken first page"),
        pytest.param(_broken_page, "config.unreadable", id="broken pages"),
        pytest.param(_cut_off, "config.unreadable", id="cut off"),
        pytest.param(_foreign, "config.foreign", id="another program's"),
    ],
)
def test_a_file_that_is_no_store_is_refused_and_left_alone(path: Path, make: object, code: str) -> None:
    assert callable(make)
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        ConfigStore(path).list_connectors()
    assert (caught.value.code, path.read_bytes()) == (code, before)


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the directory should be")
    with pytest.raises(ConfigError) as caught:
        ConfigStore(tmp_path / "home" / "config.db")
    assert caught.value.code == "config.unreadable"


def test_a_store_that_is_being_written_asks_to_try_again(store: ConfigStore, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        quick = database.Database(path, busy_timeout_s=0.01)
        with pytest.raises(RetryableError) as caught, quick.writing():
            pass
        quick.close()
    assert caught.value.code == "config.busy"


def test_a_full_disk_is_told_and_nothing_is_lost(store: ConfigStore, path: Path) -> None:
    store.save_connector(Connector("c1", "Lab"))
    opened = database.Database(path)
    with opened.writing() as session:
        pages = session.execute(text("PRAGMA page_count")).scalar()
        session.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(FatalError) as caught, opened.writing() as session:
        session.execute(text("CREATE TABLE big AS SELECT randomblob(1000000)"))
    opened.close()
    assert (caught.value.code, [c.name for c in store.list_connectors()]) == ("config.disk", ["Lab"])


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"], ids=["update", "delete"])
def test_the_audit_log_cannot_be_edited(store: ConfigStore, path: Path, statement: str) -> None:
    store.save_setting("acs", 3)
    with closing(sqlite3.connect(path)) as con, pytest.raises(sqlite3.IntegrityError, match="cannot be edited"):
        con.execute(statement)
    assert [e.actor for e in store.list_audit()] == ["ada"]


def test_a_reference_to_nothing_is_refused(path: Path) -> None:
    opened = database.Database(path)
    with pytest.raises(IntegrityError), opened.writing() as session:
        session.execute(
            text("INSERT INTO profile VALUES ('p', 'gone', 'a', 'a', '', 'm', NULL, NULL, NULL, 1, 'paged', 0)")
        )
    opened.close()


_WORKER = """
import sys, pathlib
from riskbridge.model.connector import Connector
from riskbridge.store.config.store import ConfigStore
path, who = pathlib.Path(sys.argv[1]), sys.argv[2]
store = ConfigStore(path, actor=who)
for number in range(25):
    store.save_connector(Connector(f"{who}{number}", f"{who} {number}"))
    assert store.get_connector(f"{who} {number}")
    store.save_setting("last", [who, number])
store.close()
"""


def test_two_processes_make_and_write_one_store(path: Path) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", _WORKER, path, who], stderr=subprocess.PIPE, env=os.environ)
        for who in ("ada", "bob")
    ]
    said = [worker.communicate()[1] for worker in workers]
    assert said == [b"", b""]
    store = ConfigStore(path)
    assert sorted(c.connector_id for c in store.list_connectors()) == sorted(
        f"{who}{number}" for who in ("ada", "bob") for number in range(25)
    )
    assert len(store.list_audit(limit=1000)) == 100
    store.close()


def test_a_store_of_the_first_schema_is_brought_up_to_date_and_keeps_its_connectors(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        database.migrate(connection, "0001")
        names = "connector_id, name, name_key, description, kind, login_url, api_url, audience, tenant_id, client_id"
        values = "'c', 'Old', 'old', '', 'defender', 'l', 'a', 'u', 't', 'i'"
        connection.execute(
            text(f"INSERT INTO connector ({names}, client_secret, retain_missing) VALUES ({values}, 's', 0)")
        )
    engine.dispose()
    path.chmod(0o600)
    store = ConfigStore(path)
    (kept,) = store.list_connectors()
    store.close()
    assert (kept.name, kept.certificate, kept.federated_token_file) == ("Old", None, None)
