"""Plausible names for badges and communities, as many different ones as are asked for."""

_SUBJECTS = (
    "Clarity", "Stacks", "Bitcoin", "Documentation", "Hackathon", "DeFi", "NFT", "Governance",
    "Security", "Design", "Translation", "Testnet", "Node", "Wallet", "Research", "Community",
    "Onboarding", "Meetup", "Workshop", "Mentoring", "Open Source", "Data", "Protocol", "Grants",
)  # fmt: skip
_NOUNS = {
    1: ("Milestone", "Finisher", "Trailblazer", "Champion"),
    2: ("Attendee", "Participant", "Explorer", "Regular"),
    3: ("Contributor", "Maintainer", "Builder", "Reviewer"),
    4: ("Lead", "Organizer", "Steward", "Mentor"),
    5: ("Practitioner", "Expert", "Auditor", "Engineer"),
    6: ("Star", "Honor", "Ambassador", "Laureate"),
}
_PLACES = (
    "Lisbon", "Lagos", "Berlin", "Austin", "Nairobi", "Tokyo", "Toronto", "Buenos Aires",
    "Bangalore", "Istanbul", "Hanoi", "Warsaw", "Accra", "Medellin", "Seoul", "Dublin",
    "Auckland", "Kathmandu", "Manila", "Prague",
)  # fmt: skip
_CIRCLES = (
    "Builders",
    "Stackers",
    "Open Source",
    "Clarity Guild",
    "Bitcoin Circle",
    "Makers",
    "DAO",
)


def template_name(index: int, category: int) -> str:
    """Return the name of the template number `index` (from 0) in `category` (1 to 6)."""
    place, nouns = index // len(_NOUNS), _NOUNS[category]
    volume, place = divmod(place, len(_SUBJECTS) * len(nouns))
    subject = _SUBJECTS[place % len(_SUBJECTS)]
    noun = nouns[(place // len(_SUBJECTS) + place) % len(nouns)]
    return _numbered(f"{subject} {noun}", volume)


def community_name(index: int) -> str:
    """Return the name of the community number `index` (from 0)."""
    volume, place = divmod(index, len(_PLACES) * len(_CIRCLES))
    return _numbered(f"{_PLACES[place % len(_PLACES)]} {_CIRCLES[place % len(_CIRCLES)]}", volume)


def _numbered(name: str, volume: int) -> str:
    return f"{name} {volume + 1}" if volume else name
