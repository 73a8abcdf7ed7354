"""Answers, uncached and cached, while the data grows a hundredfold."""

import time
from collections.abc import Iterator
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from benchmarks.report import Report, percentile
from benchmarks.service import Service, service
from ingest.synthetic import Scale, bulk

SIZES = (10_000, 100_000, 1_000_000)
EVENTS_A_USER = 10
ROUNDS = 15
MOST_GROWTH = 1.3
MOST_MEMORY = 250
"""MB."""
COHORTS = "retentionCohorts{cohorts{start size cells{offset retained rate isComplete}} mean{rate}}"
POINTS = "{start value isPartial}"
BADGES = "{rank badge{id name category} issued recipients issuedPerDay}"

OVERVIEW = (
    "metrics{totalBadgesIssued totalUsers totalCommunities averageBadgesPerUser engagementRate}"
)
ISSUANCE = (
    "totalBadgesIssued totalBadgesRevoked badgesHeld badgesIssuedToday badgesIssuedThisWeek "
    f"badgesIssuedThisMonth revocationRate dailyIssuance{POINTS} weeklyIssuance{POINTS} "
    f"monthlyIssuance{POINTS} byCategory{{key count percentage}} byLevel{{key count percentage}} "
    f"byIssuer{{key count percentage}} topBadges{BADGES}"
)
COMMUNITY = (
    "totalCommunities newCommunitiesToday newCommunitiesThisWeek newCommunitiesThisMonth "
    "totalCommunityMembers averageMembersPerCommunity "
    "mostActiveCommunities{rank community{id name createdAt} members badgesIssued recipients} "
    "communityGrowthTrend{start newCommunities totalCommunities totalMembers isPartial}"
)
USERS = (
    "totalUsers newUsersToday newUsersThisWeek newUsersThisMonth activeUsersToday "
    f"activeUsersThisWeek activeUsersThisMonth dailyNewUsers{POINTS} monthlyNewUsers{POINTS} "
    f"dailyActiveUsers{POINTS} retentionRate {COHORTS} "
    "lifecycle{start active new returning resurrected dormant} "
    "userEngagement{usersWithBadges usersWithMultipleBadges usersWithNoBadges "
    "histogram{key count}} averageBadgesPerUser engagementRate "
    "timeToFirstBadge{median p90 stillWaiting} peakActivity{weekday hour value}"
)
DISTRIBUTION = (
    f"byCategory{{key count}} byLevel{{key count}} topBadges{BADGES} "
    "trendingBadges{badge{id name} last7Days previous23Days growth pValue isNew} "
    "mostAwardedByCategory{category badges{rank badge{id name} issued}} "
    "badgesByIssuer{rank issuer badges issued} effectiveIssuers"
)
QUESTIONS = {
    "aggregated": f"aggregated(timezone: $zone) {{{OVERVIEW} issuance {{{ISSUANCE}}}}}",
    "issuance": f"issuance(timezone: $zone) {{{ISSUANCE}}}",
    "community": f"community(timezone: $zone) {{{COMMUNITY}}}",
    "users": f"users(timezone: $zone) {{{USERS}}}",
    "distribution": f"distribution(timezone: $zone) {{{DISTRIBUTION}}}",
}
RETENTION = f"users(timezone: $zone, range: {{last: {{n: 24, unit: MONTH}}}}) {{{COHORTS}}}"
FILTERED = (
    f'aggregated(timezone: $zone, where: {{categories: ["skill"], levels: ["1", "2"]}}) '
    f"{{{OVERVIEW} issuance {{{ISSUANCE}}}}}"
)
MOST_MS = {"aggregated": 25.0, "retention, 24 months": 50.0}

_BY_THE_LOG: list[dict[str, Any]] = [
    {"$unwind": "$applied"},
    {"$unwind": "$applied.events"},
    {"$match": {"applied.events.type": "badge_issued"}},
    {
        "$facet": {
            "byCategory": [{"$group": {"_id": "$applied.events.category", "n": {"$sum": 1}}}],
            "byLevel": [{"$group": {"_id": "$applied.events.level", "n": {"$sum": 1}}}],
            "byIssuer": [{"$group": {"_id": "$applied.events.issuer", "n": {"$sum": 1}}}],
            "topBadges": [
                {
                    "$group": {
                        "_id": "$applied.events.template",
                        "n": {"$sum": 1},
                        "recipients": {"$addToSet": "$applied.events.user"},
                    }
                },
                {"$project": {"n": 1, "recipients": {"$size": "$recipients"}}},
                {"$sort": {"n": -1}},
                {"$limit": 15},
            ],
            "dailyIssuance": [
                {
                    "$group": {
                        "_id": {
                            "$subtract": ["$applied.at", {"$mod": ["$applied.at", 86_400_000]}]
                        },
                        "n": {"$sum": 1},
                    }
                }
            ],
        }
    },
]
"""What `aggregated` tells of issuance, but for what reorganisations, updates and revocations do."""


async def measure(report: Report) -> None:
    """Measure every family at every size, and the memory of the service at the largest."""
    found: dict[int, dict[str, float]] = {}
    cached: dict[int, float] = {}
    by_the_log: dict[int, float] = {}
    ingested = asked = 0.0
    for size in SIZES:
        async with service() as running:
            await running.deliver(_bodies(size))
            await running.committed()
            ingested = running.memory()
            found[size] = await _uncached(running)
            cached[size] = await _cached(running)
            by_the_log[size] = await _aggregating(running)
            asked = running.memory()
    _tell(report, found, cached, by_the_log)
    report.title("Memory of the service, resident")
    report.figure(
        f"after {SIZES[-1]:,} events", f"{ingested:,.0f} MB", holds=ingested < MOST_MEMORY
    )
    report.figure("after all these questions too", f"{asked:,.0f} MB")


def _bodies(size: int) -> Iterator[bytes]:
    scale = Scale(users=size // EVENTS_A_USER, templates=200, communities=100, issuers=50, days=365)
    # Every day has blocks at every size: it is events and users that grow, not what is asked for.
    per_delivery = min(50, size // 2_000)
    return bulk(size, per_delivery, now=time.time_ns() // 1_000_000, scale=scale)


async def _uncached(running: Service) -> dict[str, float]:
    """Return the median of each question in milliseconds, each time at a new position."""
    questions = {
        **QUESTIONS,
        "retention, 24 months": RETENTION,
        "aggregated, filtered": FILTERED,
    }
    spent: dict[str, list[float]] = {name: [] for name in questions}
    for number in range(ROUNDS + 1):
        for name, question in questions.items():
            # A new position, at which nothing is in the cache.
            await running.ask("mutation {recordSnapshot(input: {period: DAILY}) {position}}")
            begun = time.perf_counter()
            await running.ask(f"query($zone: TimeZone!) {{{question}}}", zone="UTC")
            if number:  # the first time, the document was parsed and validated too
                spent[name].append(1000 * (time.perf_counter() - begun))
    return {name: percentile(each, 0.5) for name, each in spent.items()}


async def _cached(running: Service) -> float:
    query = f"query($zone: TimeZone!) {{{QUESTIONS['aggregated']}}}"
    spent = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await running.ask(query, zone="UTC")
        spent.append(1000 * (time.perf_counter() - begun))
    return percentile(spent, 0.5)


async def _aggregating(running: Service) -> float:
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(running.mongodb_url)
    begun = time.perf_counter()
    await client["passportx"]["log"].aggregate(_BY_THE_LOG, allowDiskUse=True).to_list(None)
    spent = 1000 * (time.perf_counter() - begun)
    client.close()
    return spent


def _tell(
    report: Report,
    found: dict[int, dict[str, float]],
    cached: dict[int, float],
    by_the_log: dict[int, float],
) -> None:
    sizes = ", ".join(f"{size:,}" for size in SIZES)
    report.title(f"Answers over HTTP, median in ms at {sizes} events with a tenth as many users")
    for name in found[SIZES[0]]:
        row = [found[size][name] for size in SIZES]
        growth, most = row[-1] / row[0], MOST_MS.get(name)
        is_maintained = name != "aggregated, filtered"
        holds = (growth < MOST_GROWTH and (most is None or row[-1] < most)) or not is_maintained
        value = " ".join(f"{each:.1f}" for each in row)
        report.figure(name, value, f"grows {growth:.2f}x", holds=holds if is_maintained else None)
    report.figure("aggregated, cached", " ".join(f"{cached[size]:.1f}" for size in SIZES))
    log = " ".join(f"{by_the_log[size]:.0f}" for size in SIZES)
    ratio = by_the_log[SIZES[-1]] / found[SIZES[-1]]["aggregated"]
    report.figure("its issuance by aggregating the log", log, f"{ratio:,.0f}x of aggregated")
