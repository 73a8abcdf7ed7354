"""Limits: what this server allows, told by those who enforce it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What this server allows. What passes a limit is refused with an error that names it."""

    introspection: bool
    """Whether clients may ask for the schema."""
    max_depth: int
    """Fields within fields in one operation, outside of introspection."""
    max_fields: int
    """Fields in one operation; a fragment counts wherever it is spread."""
    max_aliases: int
    """Aliases in one operation."""
    max_directives: int
    """Directives in one operation."""
    max_tokens: int
    """Tokens in one document."""
    max_seconds: float
    """Seconds in which a query or a mutation is to be executed."""
    max_request_bytes: int
    """Bytes of the body of a GraphQL request."""
    max_message_bytes: int
    """Bytes of a message that a client sends over a websocket."""
    max_delivery_bytes: int
    """Bytes of a delivery posted to the webhook."""
    max_events: int
    """Events in one call of `ingestEvents`."""
    max_page_size: int
    """Entries on one page of a connection."""
    default_page_size: int
    """Entries on a page of a connection whose size is not asked for."""
    max_list_size: int
    """Entries of a list that is no connection, such as the top badges."""
    max_cohorts: int
    """Cohorts of users in one answer."""
    max_keys: int
    """Keys that `where` names in one dimension."""
    max_range_days: int
    """Days in a range."""
    max_buckets: int
    """Buckets of a series."""
    max_interval_ms: int
    """Milliseconds that a subscriber may ask to lie between updates."""
    max_connections: int
    """Websockets and event streams that are open at once."""
    max_connections_per_client: int
    """Those of one client address."""
    max_operations_per_connection: int
    """Operations that run at once over one websocket."""
