"""A script that takes an afternoon to write: 64 calls at once, one connection to SQLite.

sixty_four.py BASE_URL KEY DATABASE CALLS_A_COMMIT < IDS
"""

import asyncio
import sqlite3
import sys
import time

import aiohttp

IN_FLIGHT = 64


async def main(base_url, key, path, calls_a_commit):
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE snapshot (id TEXT, time INTEGER, answer TEXT)")
    ids = iter(sys.stdin.read().split())
    uncommitted = 0

    async def work(session):
        nonlocal uncommitted
        for id in ids:
            url = f"{base_url}/v1/social/account/{id}/refresh"
            async with session.post(url) as response:
                response.raise_for_status()
                answer = await response.text()
            row = (id, int(time.time()), answer)
            database.execute("INSERT INTO snapshot VALUES (?, ?, ?)", row)
            uncommitted += 1
            if uncommitted >= calls_a_commit:
                database.commit()
                uncommitted = 0

    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, headers={"x-api-key": key}) as session:
        await asyncio.gather(*(work(session) for _ in range(IN_FLIGHT)))
    database.commit()


asyncio.run(main(*sys.argv[1:4], int(sys.argv[4])))
