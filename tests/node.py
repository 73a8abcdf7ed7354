"""Runs what exists only for Node: the scripts of tests/js, and those of the dashboard."""

import asyncio
import fcntl
import os
import shutil
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = "tests/js"

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")) and not os.environ.get("CI"),
    reason="there is no node and npm on PATH",
)


async def node(script: str, *arguments: str) -> object:
    """Return the JSON that `script` prints."""
    printed: object = orjson.loads(await run_in(SCRIPTS, "node", script, *arguments))
    return printed


async def run_in(directory: str, *command: str) -> bytes:
    """Return what a command prints; installs the directory's packages first if they are missing.

    One at a time in each directory: tests that run side by side would install and generate the same
    files.
    """
    place = ROOT / directory
    with (place / "package.json").open() as alone:
        await asyncio.to_thread(fcntl.flock, alone, fcntl.LOCK_EX)
        if not (place / "node_modules").is_dir():
            await _run(place, "npm", "ci", "--no-audit", "--no-fund")
        return await _run(place, *command)


async def _run(directory: Path, *command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(120):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == 0, (printed + complaints).decode()
    return printed
