"""The embedded PostgreSQL keeps its state, comes back after any end, and is nobody else's."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tools.postgres import Postgres, PostgresUnavailable, installed_binaries, start
from tools.processes import Processes

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")


async def ask(postgres: Postgres, database: str, statement: str) -> object:
    connection = await asyncpg.connect(host=str(postgres.sockets), user="postgres", database=database)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that other users may pass, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_its_url_is_one_for_sqlalchemy_and_a_second_start_keeps_what_was_written(folder: Path) -> None:
    async with Processes(folder, on_signals=False) as processes:
        postgres = await start(processes, folder / "data")
        engine = create_async_engine(await postgres.create("pegline"))
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE plant AS SELECT '1000' AS code"))
        await engine.dispose()
    began = time.monotonic()
    async with Processes(folder, on_signals=False) as processes:
        postgres = await start(processes, folder / "data")
        await postgres.create("pegline")
        assert time.monotonic() - began < 5
        assert await ask(postgres, "pegline", "SELECT code FROM plant") == "1000"


async def test_a_killed_server_recovers_what_was_committed(folder: Path) -> None:
    async with Processes(folder, on_signals=False) as processes:
        postgres = await start(processes, folder / "data")
        await ask(postgres, "postgres", "SELECT 1 FROM pg_create_restore_point('before')")
        await ask(postgres, "postgres", "CREATE TABLE need AS SELECT 500 AS quantity")
        await processes.kill("postgres")
        assert (postgres.data / "postmaster.pid").exists()
    async with Processes(folder, on_signals=False) as processes:
        postgres = await start(processes, folder / "data")
        assert await ask(postgres, "postgres", "SELECT quantity FROM need") == 500


async def test_a_remembered_process_number_that_is_anothers_stops_nothing(folder: Path) -> None:
    async with Processes(folder, on_signals=False) as processes:
        data = (await start(processes, folder / "data")).data
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    async with Processes(folder, on_signals=False) as processes:
        assert await ask(await start(processes, folder / "data"), "postgres", "SELECT 1") == 1


async def test_an_initialisation_that_was_cut_short_is_done_again(folder: Path) -> None:
    async with Processes(folder, on_signals=False) as processes:
        data = (await start(processes, folder / "data")).data
    (data / "PG_VERSION").unlink()
    async with Processes(folder, on_signals=False) as processes:
        assert await ask(await start(processes, folder / "data"), "postgres", "SELECT 1") == 1


async def test_two_runs_never_share_a_data_directory(folder: Path) -> None:
    async with Processes(folder, on_signals=False) as processes:
        first = await start(processes, folder / "data")
        async with Processes(folder / "second", on_signals=False) as others:
            with pytest.raises(PostgresUnavailable, match="another run uses the database"):
                await start(others, folder / "data")
        assert await ask(first, "postgres", "SELECT 1") == 1


async def test_a_long_path_does_not_matter(folder: Path) -> None:
    async with Processes(folder, on_signals=False) as processes:
        postgres = await start(processes, folder / ("deep" * 30) / "data")
        assert await ask(postgres, "postgres", "SELECT 1") == 1
        assert postgres.sockets.stat().st_mode & 0o077 == 0


@only_root
async def test_a_folder_that_only_root_may_enter_stays_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    async with Processes(folder, on_signals=False) as processes:
        postgres = await start(processes, closed / "data")
        assert await ask(postgres, "postgres", "SELECT 1") == 1
        assert not postgres.data.is_relative_to(closed)
    shutil.rmtree(postgres.data.parent)
    assert closed.stat().st_mode & 0o777 == 0o700


@only_root
async def test_binaries_that_only_root_may_enter_are_copied_with_their_libraries(folder: Path) -> None:
    package = installed_binaries().parent
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, closed / source.name, symlinks=True, ignore=shutil.ignore_patterns("pginstall"))
    installed = closed / package.name / installed_binaries().name
    async with Processes(folder, on_signals=False) as processes:
        postgres = await start(processes, folder / "data", installed=installed)
        assert await ask(postgres, "postgres", "SELECT 1") == 1
        program = Path(psutil.Process(processes.pid("postgres")).exe())
    assert not program.is_relative_to(closed)
    shutil.rmtree(program.parents[3])
    assert closed.stat().st_mode & 0o777 == 0o700
