"""What a resolver is given beside its arguments."""

from dataclasses import dataclass
from typing import TypeAlias

import strawberry

from services.access import Right
from services.analytics import Analytics
from services.errors import AnalyticsError
from services.intake import Intake
from services.limits import Limits
from services.snapshots import Snapshots


@dataclass(frozen=True, kw_only=True)
class Context:
    """The services, and what the client may do."""

    analytics: Analytics
    intake: Intake
    snapshots: Snapshots
    limits: Limits
    rights: frozenset[Right]

    def require(self, right: Right) -> None:
        """Raise `AnalyticsError` with code FORBIDDEN unless the client has the right."""
        if right not in self.rights:
            raise AnalyticsError(
                "FORBIDDEN",
                f"This needs a token with the right to {right}: send it as "
                "`Authorization: Bearer TOKEN`.",
                right=str(right),
            )


Info: TypeAlias = strawberry.Info[Context, None]
