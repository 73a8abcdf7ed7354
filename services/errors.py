"""The one exception that services raise for what they expect to go wrong."""


class AnalyticsError(Exception):
    """A problem that the caller may know of: its code, what happened and what to do next.

    `code` is upper case with underscores, stable, and meant for programs; `message` is meant for
    people; `details` (JSON values) carry the data, such as the limit that was passed. Whatever
    else is raised is unexpected: the caller sees only an id for it.
    """

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
