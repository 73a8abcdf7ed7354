"""Time: every bucket of every zone against a walk by quarter hours, and worked examples."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.calendar import Cover, WindowError
from services.window import (
    ATOM_MS,
    DAY_MS,
    HOUR_MS,
    LIMITS,
    Between,
    Bucket,
    Calendar,
    Comparison,
    Granularity,
    Last,
    Preset,
    RangeSpec,
    ValueComparison,
    Weekday,
    Window,
    change,
    change_of_rate,
    compare,
    compared_series,
    cover,
    day_index,
    days_in_month_index,
    month_index,
    month_start,
    resolve,
    series,
)

HOUR, DAY, WEEK, MONTH, QUARTER, YEAR = Granularity
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
ODD_ZONES = [
    "Africa/Cairo",
    "America/Caracas",
    "America/Havana",
    "America/St_Johns",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
]
"""Clocks changed at midnight, by half an hour or by several, off the hour, or over a whole day."""
PREVIOUS, YEAR_BEFORE = Comparison


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(local.timestamp() * 1000)


def local(instant: int, zone: str) -> datetime:
    return datetime.fromtimestamp(instant // 1000, ZoneInfo(zone))


def shown(bucket: Bucket, zone: str = "UTC") -> str:
    start, end = local(bucket.start, zone), local(bucket.end, zone)
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


NOW = at("2025-11-24 04:47:30")
"""A Monday."""
LEAP_NOON = at("2024-02-29 12:00")


def window(spec: RangeSpec | None, zone: str = "UTC", now: int = NOW) -> Window:
    return resolve(spec, zone=zone, now=now, earliest=at("2025-01-14 09:00"))


def span(spec: RangeSpec | None, zone: str = "UTC", now: int = NOW) -> str:
    resolved = window(spec, zone, now)
    return shown(Bucket(resolved.start, resolved.end), zone)


def spans(buckets: list[Bucket], zone: str = "UTC") -> list[str]:
    return [shown(bucket, zone) for bucket in buckets]


def hours(calendar: Calendar, day: str) -> float:
    start = calendar.midnight(date.fromisoformat(day))
    return (calendar.next(start, DAY) - start) / HOUR_MS


# Every zone, against a walk by quarter hours.

REACH = (at("2010-01-01 00:00"), at("2040-01-01 00:00"))


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and a whole quarter hour, half of them within three days of a clock change."""
    zone = draw(st.one_of(st.sampled_from(ODD_ZONES), st.sampled_from(ZONES)))
    instant = draw(st.integers(*REACH)) // ATOM_MS * ATOM_MS
    if draw(st.booleans()):
        days = [instant + day * DAY_MS for day in range(200)]
        offsets = [local(day, zone).utcoffset() for day in days]
        changed = [day for day, (a, b) in zip(days, pairwise(offsets), strict=False) if a != b]
        if changed:
            instant = changed[0] + draw(st.integers(-3 * 96, 96)) * ATOM_MS
    return zone, instant


KEYS: dict[Granularity, Callable[[date, Weekday], object]] = {
    DAY: lambda day, _: day,
    WEEK: lambda day, first: (day.toordinal() - 1 - first) // 7,
    MONTH: lambda day, _: (day.year, day.month),
    QUARTER: lambda day, _: (day.year, (day.month - 1) // 3),
    YEAR: lambda day, _: day.year,
}
LENGTHS_IN_DAYS = {HOUR: 3, DAY: 9, WEEK: 30, MONTH: 70, QUARTER: 130, YEAR: 400}


def walked(calendar: Calendar, start: int, end: int, granularity: Granularity) -> list[int]:
    """The bounds within (start, end), by reading the clock every quarter hour."""
    bounds, label, latest = [], object(), date.min
    for instant in range(start - 2 * DAY_MS, end, ATOM_MS):
        clock = local(instant, calendar.zone)
        latest = max(latest, clock.date())
        if granularity is HOUR:
            now: object = (clock.utcoffset(), clock.date(), clock.hour)
        else:
            now = KEYS[granularity](latest, calendar.week_start)
        if now != label and instant > start:
            bounds.append(instant)
        label = now
    return bounds


def check_buckets(calendar: Calendar, start: int, granularity: Granularity) -> None:
    end = start + LENGTHS_IN_DAYS[granularity] * DAY_MS
    buckets = calendar.buckets(start, end, granularity)
    assert [bucket.start for bucket in buckets[1:]] == walked(calendar, start, end, granularity)
    assert [bucket.end for bucket in buckets] == [each.start for each in buckets[1:]] + [end]
    assert buckets[0].start == start
    assert all(bucket.start < bucket.end for bucket in buckets)
    assert not any(bucket.is_partial for bucket in buckets[1:-1])


@settings(max_examples=200, deadline=None)
@given(moments(), st.sampled_from(Weekday), st.sampled_from([HOUR, DAY, WEEK, MONTH]))
def test_buckets_partition_time_as_the_local_clock_does(
    moment: tuple[str, int], first: Weekday, granularity: Granularity
) -> None:
    check_buckets(Calendar(moment[0], first), moment[1], granularity)


@settings(max_examples=12, deadline=None)
@given(moments(), st.sampled_from([QUARTER, YEAR]))
def test_long_buckets_partition_time_as_the_local_clock_does(
    moment: tuple[str, int], granularity: Granularity
) -> None:
    check_buckets(Calendar(moment[0]), moment[1], granularity)


@settings(max_examples=200, deadline=None)
@given(moments(), st.sampled_from(Weekday), st.sampled_from(Granularity), st.integers(0, ATOM_MS))
def test_floor_and_next_are_the_bounds_of_one_bucket(
    moment: tuple[str, int], first: Weekday, granularity: Granularity, rest: int
) -> None:
    calendar, instant = Calendar(moment[0], first), moment[1] + rest
    start, end = calendar.floor(instant, granularity), calendar.next(instant, granularity)
    assert start <= instant < end
    assert start % ATOM_MS == end % ATOM_MS == 0
    for inside in (start, end - 1):
        assert calendar.floor(inside, granularity) == start
        assert calendar.next(inside, granularity) == end
    assert calendar.floor(end, granularity) == end
    assert calendar.back(end, 1, granularity) == start
    assert calendar.buckets(start, end, granularity) == [Bucket(start, end)]


@settings(max_examples=200, deadline=None)
@given(moments(), st.integers(-400, 400))
def test_a_shift_by_days_keeps_the_local_time(moment: tuple[str, int], days: int) -> None:
    zone, instant = moment
    calendar = Calendar(zone)
    assume(calendar.midnight(calendar.date_of(instant)) != instant)
    wanted = local(instant, zone).replace(tzinfo=None) + timedelta(days=days)
    aware = wanted.replace(tzinfo=ZoneInfo(zone))
    assume(aware.utcoffset() == aware.replace(fold=1).utcoffset() or days == 0)
    shifted = calendar.shift(instant, days, DAY)
    assert local(shifted, zone).replace(tzinfo=None) == wanted
    assert days or shifted == instant


@settings(max_examples=200, deadline=None)
@given(moments(), st.integers(-400, 400))
def test_a_shift_moves_the_start_of_a_day_to_the_start_of_a_day(
    moment: tuple[str, int], days: int
) -> None:
    calendar = Calendar(moment[0])
    day = calendar.date_of(moment[1])
    shifted = calendar.shift(calendar.midnight(day), days, DAY)
    assert shifted == calendar.midnight(day + timedelta(days=days))


def test_a_shift_into_a_skipped_hour_gives_the_first_instant_after_it() -> None:
    zone = "Europe/Berlin"
    shifted = Calendar(zone).shift(at("2025-03-29 02:30:07", zone), 1, DAY)
    assert shifted == at("2025-03-30 03:00", zone)


def test_a_shift_onto_a_repeated_hour_gives_the_first_of_both() -> None:
    zone = "Europe/Berlin"
    shifted = Calendar(zone).shift(at("2025-10-27 02:30", zone), -1, DAY)
    assert shifted == at("2025-10-26 02:30", zone, fold=0)
    second = at("2025-10-26 02:30", zone, fold=1)
    assert Calendar(zone).shift(second, 0, DAY) == second


@pytest.mark.parametrize(
    ("unit", "n", "expected"),
    [
        (HOUR, -24, "2024-02-28 12:00"),
        (WEEK, 1, "2024-03-07 12:00"),
        (MONTH, 12, "2025-02-28 12:00"),
        (QUARTER, -1, "2023-11-29 12:00"),
        (YEAR, -1, "2023-02-28 12:00"),
        (YEAR, 4, "2028-02-29 12:00"),
    ],
)
def test_a_shift_keeps_the_date_or_takes_the_last_of_the_month(
    unit: Granularity, n: int, expected: str
) -> None:
    assert Calendar().shift(LEAP_NOON, n, unit) == at(expected)


# Clocks, by example.


def test_days_have_23_and_25_hours_when_clocks_change() -> None:
    berlin = Calendar("Europe/Berlin")
    assert [hours(berlin, f"2025-03-{day}") for day in (29, 30, 31)] == [24, 23, 24]
    assert [hours(berlin, f"2025-10-{day}") for day in (25, 26, 27)] == [24, 25, 24]


def test_lord_howe_changes_by_half_an_hour() -> None:
    zone = "Australia/Lord_Howe"
    calendar = Calendar(zone)
    assert hours(calendar, "2025-10-05") == 23.5
    assert hours(calendar, "2025-04-06") == 24.5
    autumn = calendar.midnight(date(2025, 4, 6))
    assert [
        shown(b, zone)[11:16] for b in calendar.buckets(autumn, autumn + 4 * HOUR_MS, HOUR)
    ] == [
        "00:00",
        "01:00",
        "01:30",
        "02:00",
        "03:00",
    ]
    spring = calendar.midnight(date(2025, 10, 5))
    lengths = [b.end - b.start for b in calendar.buckets(spring, spring + 4 * HOUR_MS, HOUR)]
    assert lengths == [HOUR_MS, HOUR_MS, HOUR_MS // 2, HOUR_MS, HOUR_MS // 2]


def test_a_repeated_hour_is_two_buckets() -> None:
    zone = "Europe/Berlin"
    start = at("2025-10-26 01:00", zone)
    buckets = Calendar(zone).buckets(start, start + 4 * HOUR_MS, HOUR)
    assert [local(b.start, zone).hour for b in buckets] == [1, 2, 2, 3]
    assert {b.end - b.start for b in buckets} == {HOUR_MS}


def test_apia_has_no_30_december_2011() -> None:
    apia = Calendar("Pacific/Apia")
    assert apia.midnight(date(2011, 12, 30)) == apia.midnight(date(2011, 12, 31))
    buckets = apia.buckets(apia.midnight(date(2011, 12, 28)), apia.midnight(date(2012, 1, 2)), DAY)
    assert [apia.date_of(b.start).day for b in buckets] == [28, 29, 31, 1]
    assert {b.end - b.start for b in buckets} == {DAY_MS}
    now = apia.midnight(date(2012, 1, 2))
    assert len(last_buckets(7, DAY, zone="Pacific/Apia", now=now)) == 7
    weeks = Calendar("Pacific/Apia", Weekday.FRIDAY)
    assert weeks.floor(now, WEEK) == apia.midnight(date(2011, 12, 31))


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Africa/Cairo", "2023-04-28"),
        ("Asia/Beirut", "2022-03-27"),
        ("America/Asuncion", "2021-10-03"),
        ("America/Santiago", "2022-09-11"),
        ("America/Sao_Paulo", "2018-11-04"),
        ("America/Havana", "2024-03-10"),
    ],
)
def test_a_day_without_midnight_starts_at_its_first_instant(zone: str, day: str) -> None:
    calendar = Calendar(zone)
    start = calendar.midnight(date.fromisoformat(day))
    assert str(local(start, zone))[:16] == f"{day} 01:00"
    assert str(local(start - ATOM_MS, zone))[11:16] == "23:45"
    assert hours(calendar, day) == 23
    assert calendar.shift(start, 1, DAY) == calendar.next(start, DAY)


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("America/Havana", "2024-11-03", 25),
        ("America/St_Johns", "2010-11-07", 25),
        ("Antarctica/Casey", "2023-03-09", 27),
    ],
)
def test_a_day_with_two_midnights_starts_at_the_first(zone: str, day: str, length: int) -> None:
    calendar = Calendar(zone)
    assert calendar.midnight(date.fromisoformat(day)) == at(f"{day} 00:00", zone, fold=0)
    assert hours(calendar, day) == length
    assert calendar.date_of(at(f"{day} 00:00", zone, fold=1)) == date.fromisoformat(day)


def test_a_clock_put_back_across_midnight_does_not_bring_back_the_day_before() -> None:
    """St John's put its clock from 00:01 on 7 November 2010 to 23:01 on the 6th."""
    zone = "America/St_Johns"
    again = at("2010-11-06 23:30", zone, fold=1)
    assert Calendar(zone).date_of(again) == date(2010, 11, 7)
    assert Calendar(zone).floor(again, DAY) == at("2010-11-07 00:00", zone, fold=0)


def test_a_clock_changed_off_the_quarter_hour_is_taken_to_change_at_the_next() -> None:
    """Casey put its clock from 00:01 to 03:01 on 3 October 2021."""
    zone = "Antarctica/Casey"
    start = at("2021-10-03 00:00", zone)
    assert spans(Calendar(zone).buckets(start, start + 2 * HOUR_MS, HOUR), zone)[:2] == [
        "2021-10-03 00:00 to 2021-10-03 03:15",
        "2021-10-03 03:15 to 2021-10-03 04:00",
    ]
    assert Calendar(zone).floor(start + ATOM_MS // 3, HOUR) == start
    assert Calendar(zone).next(start + ATOM_MS // 3, HOUR) == start + ATOM_MS


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Asia/Kolkata", "Pacific/Chatham"])
def test_quarter_and_half_hour_zones_start_days_at_their_own_midnight(zone: str) -> None:
    start = Calendar(zone).floor(NOW, DAY)
    assert f"{local(start, zone):%H:%M}" == "00:00"
    assert start % HOUR_MS != 0


def test_the_hour_of_an_instant_is_what_the_local_clock_shows() -> None:
    assert Calendar("Asia/Kathmandu").clock(at("2025-11-24 23:59:59", "Asia/Kathmandu")) == (0, 23)


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "", "../etc/passwd", "America", "localtime", "Factory"]
)
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(WindowError) as refusal:
        Calendar(zone)
    assert refusal.value.code == "UNKNOWN_TIME_ZONE"
    assert refusal.value.details == {"zone": zone}


# Ranges.


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (Preset.TODAY, "2025-11-24 to 2025-11-25"),
        (Preset.YESTERDAY, "2025-11-23 to 2025-11-24"),
        (Preset.THIS_WEEK, "2025-11-24 to 2025-12-01"),
        (Preset.LAST_WEEK, "2025-11-17 to 2025-11-24"),
        (Preset.THIS_MONTH, "2025-11-01 to 2025-12-01"),
        (Preset.LAST_MONTH, "2025-10-01 to 2025-11-01"),
        (Preset.THIS_QUARTER, "2025-10-01 to 2026-01-01"),
        (Preset.LAST_QUARTER, "2025-07-01 to 2025-10-01"),
        (Preset.THIS_YEAR, "2025-01-01 to 2026-01-01"),
        (Preset.LAST_YEAR, "2024-01-01 to 2025-01-01"),
        (Preset.LAST_7_DAYS, "2025-11-18 to 2025-11-25"),
        (Preset.LAST_30_DAYS, "2025-10-26 to 2025-11-25"),
        (Preset.LAST_90_DAYS, "2025-08-27 to 2025-11-25"),
        (Preset.LAST_12_MONTHS, "2024-12-01 to 2025-12-01"),
        (Preset.ALL_TIME, "2025-01-14 to 2025-11-25"),
        (None, "2025-01-14 to 2025-11-25"),
        (Last(2, WEEK), "2025-11-17 to 2025-12-01"),
        (Last(2, QUARTER, skipped=1), "2025-04-01 to 2025-10-01"),
        (Between(date(2025, 2, 1), date(2025, 3, 1)), "2025-02-01 to 2025-03-01"),
        (Between(start=date(2025, 2, 1)), "2025-02-01 to 2025-11-25"),
        (Between(end=date(2025, 2, 1)), "2025-01-14 to 2025-02-01"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_a_range_resolves_to_local_days(spec: RangeSpec | None, expected: str, zone: str) -> None:
    assert span(spec, zone).replace(" 00:00", "") == expected


def test_every_preset_holds_now_or_ends_before_it() -> None:
    for preset in Preset:
        resolved = window(preset, "America/New_York")
        assert resolved.start < resolved.end
        assert resolved.start <= NOW < resolved.end or resolved.end <= NOW


def test_the_last_24_hours_end_with_the_open_hour() -> None:
    assert span(Preset.LAST_24_HOURS) == "2025-11-23 05:00 to 2025-11-24 05:00"


def test_explicit_instants_are_widened_to_quarter_hours() -> None:
    exact = Between(at("2025-11-01 10:14:59"), at("2025-11-01 11:00:01"))
    assert span(exact) == "2025-11-01 10:00 to 2025-11-01 11:15"


def test_all_time_without_data_is_today() -> None:
    empty = resolve(None, now=NOW, earliest=None)
    assert shown(Bucket(empty.start, empty.end)) == "2025-11-24 00:00 to 2025-11-25 00:00"


def test_data_from_a_clock_ahead_of_ours_does_not_put_all_time_into_the_future() -> None:
    ahead = resolve(None, now=NOW, earliest=NOW + 2 * DAY_MS)
    assert shown(Bucket(ahead.start, ahead.end)) == "2025-11-24 00:00 to 2025-11-25 00:00"


def test_a_week_starts_on_the_chosen_day() -> None:
    sundays = resolve(Preset.THIS_WEEK, week_start=Weekday.SUNDAY, now=NOW, earliest=None)
    assert shown(Bucket(sundays.start, sundays.end))[:10] == "2025-11-23"


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (Between(date(2025, 3, 1), date(2025, 2, 1)), "RANGE_REVERSED"),
        (Between(date(2025, 3, 1), date(2025, 3, 1)), "RANGE_REVERSED"),
        (Between(date(1970, 1, 1), date(2100, 1, 1)), "RANGE_TOO_LONG"),
        (Between(date.min, None), "RANGE_OUT_OF_REACH"),
        (Between(None, date.max), "RANGE_OUT_OF_REACH"),
        (Between(-1, None), "RANGE_OUT_OF_REACH"),
        (Last(60, YEAR), "RANGE_OUT_OF_REACH"),
        (Last(2_000, YEAR), "RANGE_TOO_LONG"),
        (Last(2_001, DAY), "COUNT_OUT_OF_RANGE"),
        (Last(1, YEAR, skipped=10**9), "COUNT_OUT_OF_RANGE"),
        (Last(0, DAY), "COUNT_OUT_OF_RANGE"),
    ],
)
def test_a_range_out_of_bounds_is_refused(spec: RangeSpec, code: str) -> None:
    with pytest.raises(WindowError) as refusal:
        window(spec)
    assert refusal.value.code == code


# Series.


def last_buckets(n: int, unit: Granularity, now: int, zone: str = "UTC") -> list[Bucket]:
    """Return the series of the last n calendar units."""
    return series(resolve(Last(n, unit), zone=zone, now=now, earliest=None), unit)


def test_only_the_bucket_that_has_not_ended_is_partial() -> None:
    days = last_buckets(30, DAY, now=NOW)
    assert len(days) == 30
    assert [day.is_partial for day in days] == [False] * 29 + [True]
    assert shown(days[-1]) == "2025-11-24 00:00 to 2025-11-25 00:00"
    assert len(last_buckets(12, WEEK, now=NOW)) == len(last_buckets(12, MONTH, now=NOW)) == 12


def test_a_bucket_ends_at_its_last_instant() -> None:
    midnight = at("2025-11-25 00:00")
    assert last_buckets(2, DAY, now=midnight - 1)[1].is_partial
    assert not last_buckets(2, DAY, now=midnight)[0].is_partial


def test_a_bucket_cut_by_the_range_is_clipped_and_partial() -> None:
    months = series(window(Between(date(2025, 1, 20), date(2025, 3, 10))), MONTH)
    assert months == [
        Bucket(at("2025-01-20"), at("2025-02-01"), is_partial=True),
        Bucket(at("2025-02-01"), at("2025-03-01"), is_partial=False),
        Bucket(at("2025-03-01"), at("2025-03-10"), is_partial=True),
    ]


def test_all_time_consists_of_whole_buckets() -> None:
    months = series(window(None), MONTH)
    assert months[0] == Bucket(at("2025-01-01"), at("2025-02-01"), is_partial=False)
    assert months[-1] == Bucket(at("2025-11-01"), at("2025-12-01"), is_partial=True)


def test_a_series_too_fine_is_refused_with_what_would_fit() -> None:
    with pytest.raises(WindowError) as refusal:
        series(window(Last(12, YEAR)), HOUR)
    assert refusal.value.code == "TOO_MANY_BUCKETS"
    assert refusal.value.details == {
        "maxBuckets": LIMITS.max_buckets,
        "finestGranularity": "WEEK",
    }
    assert len(series(window(Last(12, YEAR)), WEEK)) == 627


@pytest.mark.parametrize("unit", [HOUR, DAY])
@pytest.mark.parametrize("zone", ["UTC", "Australia/Lord_Howe", "America/New_York"])
def test_the_longest_series_is_as_long_as_the_limit(unit: Granularity, zone: str) -> None:
    assert len(last_buckets(LIMITS.max_buckets, unit, zone=zone, now=NOW)) == LIMITS.max_buckets


# Comparisons.


def compared(spec: RangeSpec, how: Comparison | RangeSpec, now: int = NOW) -> str:
    earlier = compare(window(spec, now=now), how)
    return shown(Bucket(earlier.start, earlier.end)).replace(" 00:00", "")


MARCH_NOON = at("2025-03-30 12:00")


@pytest.mark.parametrize(
    ("spec", "how", "now", "expected"),
    [
        (Preset.LAST_MONTH, PREVIOUS, NOW, "2025-09-01 to 2025-10-01"),
        (Preset.LAST_MONTH, YEAR_BEFORE, NOW, "2024-10-01 to 2024-11-01"),
        (Preset.LAST_WEEK, PREVIOUS, NOW, "2025-11-10 to 2025-11-17"),
        (Preset.LAST_WEEK, YEAR_BEFORE, NOW, "2024-11-18 to 2024-11-25"),
        (Preset.LAST_YEAR, PREVIOUS, NOW, "2023-01-01 to 2024-01-01"),
        (Preset.LAST_MONTH, YEAR_BEFORE, at("2025-03-05"), "2024-02-01 to 2024-03-01"),
        (Preset.YESTERDAY, YEAR_BEFORE, at("2024-03-01"), "2023-02-28 to 2023-03-01"),
        (Preset.TODAY, PREVIOUS, NOW, "2025-11-23 to 2025-11-23 05:00"),
        (Preset.THIS_MONTH, PREVIOUS, NOW, "2025-10-01 to 2025-10-24 05:00"),
        (Preset.THIS_MONTH, PREVIOUS, at("2025-03-28 23:50"), "2025-02-01 to 2025-03-01"),
        (Preset.THIS_MONTH, PREVIOUS, at("2025-03-28 12:00"), "2025-02-01 to 2025-02-28 12:00"),
        (Preset.THIS_MONTH, PREVIOUS, at("2025-03-29 00:05"), "2025-02-01 to 2025-03-01"),
        (Preset.THIS_MONTH, PREVIOUS, MARCH_NOON, "2025-02-01 to 2025-03-01"),
        (Preset.THIS_MONTH, PREVIOUS, at("2025-07-31 00:05"), "2025-06-01 to 2025-07-01"),
        (Preset.THIS_QUARTER, PREVIOUS, at("2025-05-29 00:05"), "2025-01-01 to 2025-03-01"),
        (Preset.THIS_QUARTER, PREVIOUS, at("2025-06-01 06:00"), "2025-01-01 to 2025-03-01 06:00"),
        (Preset.THIS_YEAR, PREVIOUS, at("2024-02-29 00:05"), "2023-01-01 to 2023-03-01"),
        (Preset.THIS_YEAR, YEAR_BEFORE, at("2024-02-29 00:05"), "2023-01-01 to 2023-03-01"),
        (Preset.LAST_12_MONTHS, PREVIOUS, at("2024-02-29 00:05"), "2022-03-01 to 2023-03-01"),
        (Preset.LAST_7_DAYS, YEAR_BEFORE, LEAP_NOON, "2023-02-23 to 2023-03-01 12:00"),
        (Preset.THIS_QUARTER, PREVIOUS, NOW, "2025-07-01 to 2025-08-24 05:00"),
        (Preset.THIS_YEAR, YEAR_BEFORE, NOW, "2024-01-01 to 2024-11-24 05:00"),
        (Preset.TODAY, YEAR_BEFORE, LEAP_NOON, "2023-02-28 to 2023-02-28 12:00"),
        (Preset.LAST_7_DAYS, PREVIOUS, NOW, "2025-11-11 to 2025-11-17 05:00"),
        (Preset.LAST_MONTH, Preset.LAST_YEAR, NOW, "2024-01-01 to 2025-01-01"),
        (Preset.TODAY, Preset.YESTERDAY, NOW, "2025-11-23 to 2025-11-23 05:00"),
        (Preset.THIS_MONTH, Preset.LAST_WEEK, NOW, "2025-11-17 to 2025-11-24"),
        (
            Between(date(2025, 2, 10), date(2025, 2, 20)),
            PREVIOUS,
            NOW,
            "2025-01-31 to 2025-02-10",
        ),
        (
            Between(date(2024, 2, 29), date(2024, 3, 10)),
            YEAR_BEFORE,
            NOW,
            "2023-02-28 to 2023-03-10",
        ),
    ],
)
def test_a_window_is_compared_with(
    spec: RangeSpec, how: Comparison | RangeSpec, now: int, expected: str
) -> None:
    assert compared(spec, how, now) == expected


def test_the_same_moment_is_local() -> None:
    """Berlin changed its clock between 24 October and 24 November."""
    zone = "Europe/Berlin"
    now = at("2025-11-24 09:30", zone)
    earlier = compare(window(Preset.THIS_MONTH, zone, now), PREVIOUS)
    assert shown(Bucket(earlier.start, earlier.end), zone)[20:] == "2025-10-24 09:30"


def test_a_day_that_started_late_is_compared_with_for_a_quarter_hour_at_least() -> None:
    """In Cairo 28 April 2023 started at 01:00."""
    zone = "Africa/Cairo"
    now = at("2023-04-29 00:05", zone)
    earlier = compare(window(Preset.TODAY, zone, now), PREVIOUS)
    assert shown(Bucket(earlier.start, earlier.end), zone) == (
        "2023-04-28 01:00 to 2023-04-28 01:15"
    )


def test_nothing_is_before_all_time() -> None:
    with pytest.raises(WindowError) as refusal:
        compare(window(None), PREVIOUS)
    assert refusal.value.code == "NOTHING_TO_COMPARE"


def pairs(
    spec: RangeSpec, how: Comparison, unit: Granularity, zone: str = "UTC", now: int = NOW
) -> Iterator[tuple[str, str | None]]:
    for bucket, earlier in compared_series(window(spec, zone, now), how, unit):
        yield shown(bucket, zone)[:16], shown(earlier, zone) if earlier else None


def test_each_day_is_compared_with_the_same_day_of_the_month_before() -> None:
    days = dict(pairs(Preset.LAST_MONTH, PREVIOUS, DAY, now=at("2025-04-02")))
    assert len(days) == 31
    assert days["2025-03-01 00:00"] == "2025-02-01 00:00 to 2025-02-02 00:00"
    assert days["2025-03-28 00:00"] == "2025-02-28 00:00 to 2025-03-01 00:00"
    assert [days[f"2025-03-{day} 00:00"] for day in (29, 30, 31)] == [None] * 3


def test_a_clipped_week_is_compared_with_as_many_days() -> None:
    weeks = dict(pairs(Preset.LAST_MONTH, PREVIOUS, WEEK, now=at("2025-11-05")))
    assert weeks["2025-10-01 00:00"] == "2025-09-01 00:00 to 2025-09-06 00:00"


def test_a_closed_day_is_compared_with_a_whole_one_at_the_end_of_a_month() -> None:
    days = dict(pairs(Preset.THIS_MONTH, PREVIOUS, DAY, now=at("2025-03-29 00:05")))
    assert days["2025-03-28 00:00"] == "2025-02-28 00:00 to 2025-03-01 00:00"
    assert days["2025-03-29 00:00"] is None
    weeks = dict(pairs(Preset.THIS_MONTH, PREVIOUS, WEEK, now=at("2025-03-31 12:00")))
    assert weeks["2025-03-24 00:00"] == "2025-02-24 00:00 to 2025-03-01 00:00"


OPEN = [each for each in Preset if each is not Preset.ALL_TIME]
FIXED = [
    Between(date(2023, 2, 1), date(2023, 3, 1)),
    Between(date(2024, 2, 20), date(2024, 5, 1)),
    Between(at("2022-10-30 00:15"), at("2022-11-09 11:30")),
]
"""Ranges that stay where they are while the clock runs on."""


@st.composite
def open_ranges(draw: st.DrawFn) -> Window:
    """A preset, last units or bounds, in any zone, at a moment at which they are open."""
    zone, now = draw(moments())
    where = draw(st.sampled_from(["anywhere", "at a clock change", "around the end of a month"]))
    if where == "at a clock change":
        stretches = list(Calendar(zone).offsets(now, now + 250 * DAY_MS))
        now = stretches[-1][0] + draw(st.integers(-4, 4)) * ATOM_MS
    elif where == "around the end of a month":
        ended = Calendar(zone).next(now, MONTH)
        now = ended + draw(st.integers(-4 * 96, 2 * 96)) * ATOM_MS
    units = st.builds(Last, st.integers(1, 5), st.sampled_from(Granularity))
    quarters = st.integers(1, 60 * 96)
    bounds = st.builds(
        lambda before, after: Between(now - before * ATOM_MS, now + after * ATOM_MS),
        quarters,
        quarters,
    )
    spec = draw(st.one_of(st.sampled_from(OPEN), units, bounds))
    week_start = draw(st.sampled_from(Weekday))
    found = resolve(spec, zone=zone, week_start=week_start, now=now, earliest=None)
    assume(found.start <= now < found.end)
    return found


COMPARED = st.sampled_from([*Comparison, *FIXED])


@settings(max_examples=400, deadline=None)
@given(open_ranges(), COMPARED, st.integers(0, 40 * 96), st.integers(0, ATOM_MS - 1))
def test_while_the_clock_runs_on_the_compared_end_never_goes_back(
    first: Window, how: Comparison | RangeSpec, later: int, rest: int
) -> None:
    """Two moments of one open range, a quarter hour apart or weeks."""
    for after in (ATOM_MS, later * ATOM_MS + rest):
        second = replace(first, now=min(first.now + after, first.end - 1))
        assert compare(first, how).end <= compare(second, how).end


@settings(max_examples=300, deadline=None)
@given(open_ranges(), COMPARED, st.sampled_from(Granularity))
def test_a_closed_bucket_is_compared_as_if_the_whole_range_had_ended(
    found: Window, how: Comparison | RangeSpec, unit: Granularity
) -> None:
    """So it is never compared with part of what it will be compared with."""
    assume(found.end - found.start <= LENGTHS_IN_DAYS[unit] * 2 * DAY_MS)
    ended = replace(found, now=found.end)
    once_ended = {bucket.start: other for bucket, other in compared_series(ended, how, unit)}
    for bucket, other in compared_series(found, how, unit):
        last = once_ended[bucket.start]
        if bucket.end <= found.now:
            assert other == last
        elif other is not None:
            assert last is not None
            assert (other.start, other.end) <= (last.start, last.end)


def test_a_closed_day_is_compared_with_a_whole_one_over_a_29_february() -> None:
    """Ninety days from 2008 hold a day more, so they end a date earlier."""
    now = at("2009-03-10 04:00")
    days = dict(pairs(Preset.LAST_90_DAYS, YEAR_BEFORE, DAY, now=now))
    assert days["2009-03-09 00:00"] == "2008-03-09 00:00 to 2008-03-10 00:00"
    assert compared(Preset.LAST_90_DAYS, YEAR_BEFORE, now) == "2007-12-11 to 2008-03-10"


def test_a_closed_week_is_compared_with_a_whole_one_across_the_end_of_a_month() -> None:
    """August ends on the 31st and November on the 30th: the week has seven days in both."""
    weeks = dict(pairs(Last(3, QUARTER), PREVIOUS, WEEK, now=at("2014-09-01 00:45")))
    assert weeks["2014-08-25 00:00"] == "2013-11-25 00:00 to 2013-12-02 00:00"


def test_a_closed_month_is_compared_with_a_whole_one_of_given_bounds() -> None:
    """January has three days more than February, and all of it is over."""
    months = {
        shown(bucket)[:10]: other and shown(other)
        for bucket, other in compared_series(
            window(Between(date(2025, 2, 1), date(2025, 4, 1)), now=at("2025-03-01 04:00")),
            Between(date(2024, 1, 1), date(2024, 3, 1)),
            MONTH,
        )
    }
    assert months["2025-02-01"] == "2024-01-01 00:00 to 2024-02-01 00:00"


def test_a_closed_hour_that_was_cut_short_is_compared_with_a_whole_one() -> None:
    """In St. John's the clock went back a minute past midnight, here taken at 00:15."""
    zone = "America/St_Johns"
    now = at("2005-10-30 00:10", zone, fold=1)
    hours = list(pairs(Preset.THIS_MONTH, YEAR_BEFORE, HOUR, zone, now))
    assert ("2005-10-30 00:00", "2004-10-30 00:00 to 2004-10-30 01:00") in hours


@pytest.mark.parametrize(
    ("zone", "spec", "how", "before", "after"),
    [
        ("Australia/Hobart", Preset.THIS_WEEK, PREVIOUS, "2028-04-01T15:45", "2028-04-01T16:00"),
        ("America/New_York", Preset.TODAY, PREVIOUS, "2025-11-02T05:45", "2025-11-02T06:00"),
        ("Asia/Gaza", Preset.THIS_MONTH, FIXED[1], "2022-10-28T22:45", "2022-10-28T23:00"),
    ],
)
def test_at_the_very_moment_of_a_clock_change_the_compared_end_does_not_go_back(
    zone: str, spec: RangeSpec, how: Comparison | RangeSpec, before: str, after: str
) -> None:
    ends = [compare(window(spec, zone, at(each)), how).end for each in (before, after)]
    assert ends == sorted(ends)


def test_a_clock_that_goes_back_does_not_take_the_compared_end_back() -> None:
    """In New York the hour from one o'clock came twice on 2 November 2025."""
    zone = "America/New_York"
    first = at("2025-11-02 01:50", zone)
    ends = [
        compare(window(Preset.TODAY, zone, first + n * ATOM_MS), PREVIOUS).end for n in range(9)
    ]
    assert ends == sorted(ends)
    assert len(set(ends)) > 4
    # At the very instant at which it goes back, too.
    back = at("2025-11-02 01:50", zone) + 10 * 60_000
    before, then = (compare(window(Preset.TODAY, zone, back - n), PREVIOUS).end for n in (1, 0))
    assert before <= then


def test_february_29_has_no_day_of_its_own_a_year_before() -> None:
    days = dict(pairs(Preset.LAST_MONTH, YEAR_BEFORE, DAY, now=at("2024-03-02")))
    assert days["2024-02-28 00:00"] == "2023-02-28 00:00 to 2023-03-01 00:00"
    assert days["2024-02-29 00:00"] is None


def test_the_open_bucket_is_compared_to_the_same_moment_and_later_ones_with_nothing() -> None:
    days = dict(pairs(Preset.THIS_MONTH, PREVIOUS, DAY))
    assert days["2025-11-23 00:00"] == "2025-10-23 00:00 to 2025-10-24 00:00"
    assert days["2025-11-24 00:00"] == "2025-10-24 00:00 to 2025-10-24 05:00"
    assert days["2025-11-25 00:00"] is None


def test_an_hour_is_compared_with_the_same_local_hour_across_a_clock_change() -> None:
    zone, now = "Europe/Berlin", at("2025-04-01", "Europe/Berlin")
    after = dict(pairs(Last(1, DAY, skipped=1), PREVIOUS, HOUR, zone, now))
    assert after["2025-03-31 02:00"] is None
    assert after["2025-03-31 03:00"] == "2025-03-30 03:00 to 2025-03-30 04:00"
    assert after["2025-03-31 23:00"] == "2025-03-30 23:00 to 2025-03-31 00:00"


@settings(max_examples=200, deadline=None)
@given(
    moments(),
    st.sampled_from([each for each in Preset if each is not Preset.ALL_TIME]),
    st.sampled_from(Comparison),
    st.sampled_from([DAY, WEEK, MONTH]),
)
def test_a_compared_series_keeps_order_and_stays_within_the_earlier_window(
    moment: tuple[str, int], preset: Preset, how: Comparison, unit: Granularity
) -> None:
    zone, now = moment
    resolved = resolve(preset, zone=zone, now=now, earliest=None)
    earlier = compare(resolved, how)
    together = compared_series(resolved, how, unit)
    assert [bucket for bucket, _ in together] == series(resolved, unit)
    covered = earlier.start
    for bucket, other in together:
        if other is not None:
            limit = earlier.end if bucket.end > now else earlier.whole_end
            assert limit is not None
            assert covered <= other.start < other.end <= limit
            covered = other.end
    assert earlier.end <= resolved.start
    assert together[0][1] is not None


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [
        (15, 10, ValueComparison(10, 5, 50.0, is_new=False)),
        (5, 10, ValueComparison(10, -5, -50.0, is_new=False)),
        (3, 0, ValueComparison(0, 3, None, is_new=True)),
        (0, 0, ValueComparison(0, 0, 0.0, is_new=False)),
        (0, 4, ValueComparison(4, -4, -100.0, is_new=False)),
        (None, 4, ValueComparison(4, None, None, is_new=False)),
        (4, None, ValueComparison(None, None, None, is_new=False)),
    ],
)
def test_a_change_is_now_minus_then(
    now: float | None, then: float | None, expected: ValueComparison
) -> None:
    assert change(now, then) == expected


def test_rates_are_compared_in_percentage_points() -> None:
    assert change_of_rate(0.75, 0.5) == ValueComparison(0.5, 25.0, None, is_new=False)
    assert change_of_rate(None, 0.5) == ValueComparison(0.5, None, None, is_new=False)


# Stored parts.


def parts(covered: Cover) -> list[tuple[int, int]]:
    found = [(month_start(month), month_start(month + 1)) for month in covered.months]
    found += [(day * DAY_MS, (day + 1) * DAY_MS) for day in covered.days]
    for day, first, last in covered.atoms:
        assert 0 <= first < last <= 96
        found.append((day * DAY_MS + first * ATOM_MS, day * DAY_MS + last * ATOM_MS))
    return sorted(found)


def fewest_parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    """From the left, always the largest part that starts here and fits."""
    while start < end:
        moment = datetime.fromtimestamp(start / 1000, UTC)
        following = (moment.replace(day=1) + timedelta(days=31)).replace(day=1)
        month = round(following.timestamp() * 1000)
        stop = (start // DAY_MS + 1) * DAY_MS
        if moment == moment.replace(day=1, hour=0, minute=0) and month <= end:
            stop = month
        yield start, min(stop, end)
        start = min(stop, end)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(at("2015-01-01") // ATOM_MS, at("2035-01-01") // ATOM_MS),
    st.one_of(st.integers(0, 300), st.integers(0, 96 * 800)),
    st.sampled_from([1, 96]),
)
def test_a_cover_partitions_a_range_into_the_fewest_parts(
    first: int, atoms: int, whole: int
) -> None:
    start = first // whole * whole * ATOM_MS
    end = start + atoms // whole * whole * ATOM_MS
    assert parts(cover(start, end)) == list(fewest_parts(start, end))


def test_a_cover_by_example() -> None:
    covered = cover(at("2025-01-30 18:00"), at("2025-04-02 00:30"))
    assert covered.months == range(2025 * 12 + 1, 2025 * 12 + 3)
    assert covered.days == (day_index(at("2025-01-31")), day_index(at("2025-04-01")))
    assert covered.atoms == (
        (day_index(at("2025-01-30")), 72, 96),
        (day_index(at("2025-04-02")), 0, 2),
    )


def test_a_cover_within_a_day_and_across_midnight() -> None:
    day = day_index(at("2025-06-15"))
    within = cover(at("2025-06-15 01:00"), at("2025-06-15 02:15"))
    assert (list(within.months), within.days, within.atoms) == ([], (), ((day, 4, 9),))
    across = cover(at("2025-06-15 23:00"), at("2025-06-16 01:00"))
    assert across.atoms == ((day, 92, 96), (day + 1, 0, 4))


@pytest.mark.parametrize(("start", "end"), [(1, ATOM_MS), (0, ATOM_MS - 1), (ATOM_MS, 0)])
def test_a_cover_takes_whole_quarter_hours_only(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="whole quarter hours"):
        cover(start, end)


def test_month_and_day_indexes() -> None:
    assert month_index(at("2025-02-28 23:59")) == 2025 * 12 + 1
    assert month_start(2025 * 12 + 1) == at("2025-02-01")
    assert len(days_in_month_index(2024 * 12 + 1)) == 29
    assert days_in_month_index(2024 * 12 + 1)[0] == day_index(at("2024-02-01"))
