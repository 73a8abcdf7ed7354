"""Runs the scripts of tests/js: reference clients that exist only for Node."""

import asyncio
import shutil
from pathlib import Path

import orjson
import pytest

SCRIPTS = Path(__file__).parent / "js"

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="there is no node and npm on PATH"
)


async def node(script: str, *arguments: str) -> object:
    """Return the JSON that `script` prints; installs its packages first where they are missing."""
    if not (SCRIPTS / "node_modules").is_dir():
        await _run("npm", "ci", "--no-audit", "--no-fund")
    printed: object = orjson.loads(await _run("node", script, *arguments))
    return printed


async def _run(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=SCRIPTS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(120):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == 0, complaints.decode()
    return printed
