"""The dashboard's client and hook, on the real service: their own tests run under Node.js."""

from tests.node import needs_node, run_in


@needs_node
async def test_the_client_the_hook_and_the_address_do_what_their_tests_say() -> None:
    printed = await run_in("dashboard", "npm", "run", "--silent", "test")
    assert b"passed" in printed


@needs_node
async def test_the_dashboard_is_typed_formatted_and_free_of_lint() -> None:
    await run_in("dashboard", "npm", "run", "--silent", "check")
