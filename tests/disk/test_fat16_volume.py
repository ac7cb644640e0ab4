"""The shape of a FAT16 volume: cluster sizes by the specification's table, limits, times, labels."""

from __future__ import annotations

import calendar

import pytest

from bfbuild.disk.fat16.volume import Stamp, check_label, geometry, stamp
from bfbuild.disk.faults import DiskError

SMALLEST, LARGEST = 4150, 4_194_144  # found by hand from the limits on clusters: 4085 of 512 bytes, 65524 of 32 KiB


@pytest.mark.parametrize(
    ("sectors", "cluster_sectors"),
    [
        (SMALLEST, 1),
        (8_400, 1),
        (8_401, 2),  # from here on the specification's table
        (32_680, 2),
        (32_681, 4),
        (262_144, 4),
        (262_145, 8),
        (524_289, 16),
        (1_048_577, 32),
        (2_097_153, 64),
        (LARGEST, 64),
    ],
)
def test_clusters_have_the_size_of_the_specification(sectors: int, cluster_sectors: int) -> None:
    """Cluster sizes follow the specification's table, and the count of clusters is FAT16's at every step."""
    shape = geometry(sectors)
    assert shape.cluster_sectors == cluster_sectors
    assert 4085 <= shape.clusters <= 65524


@pytest.mark.parametrize("sectors", [SMALLEST, 4200, 8401, 32_681, 65_536, 129_024, 262_144, 1_048_577, LARGEST])
def test_everything_lies_inside_the_volume(sectors: int) -> None:
    """The FAT has an entry for every cluster, and the clusters fill the volume but for less than one."""
    shape = geometry(sectors)
    assert shape.fat_sectors * 256 >= shape.clusters + 2
    spare = sectors - shape.cluster_at(shape.clusters + 2)
    assert 0 <= spare < shape.cluster_sectors


@pytest.mark.parametrize(
    ("sectors", "size"), [(0, "small"), (40, "small"), (SMALLEST - 1, "small"), (LARGEST + 1, "large")]
)
def test_a_volume_outside_the_limits_is_refused(sectors: int, size: str) -> None:
    """One sector fewer or more than FAT16 allows is an error that states both counts."""
    with pytest.raises(DiskError, match=f"cannot be so {size}") as caught:
        geometry(sectors)
    assert ("FAT16 has", "4085 to 65524 clusters") in caught.value.facts


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ((1970, 1, 1, 0, 0, 0), (1980, 1, 1, 0, 0, 0)),  # before FAT's time
        ((1979, 12, 31, 23, 59, 59), (1980, 1, 1, 0, 0, 0)),
        ((1980, 1, 1, 0, 0, 0), (1980, 1, 1, 0, 0, 0)),
        ((2023, 11, 14, 22, 13, 21), (2023, 11, 14, 22, 13, 20)),  # two seconds are one
        ((2107, 12, 31, 23, 59, 59), (2107, 12, 31, 23, 59, 58)),
        ((2200, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_a_time_is_fats_nearest(when: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """A time in UTC becomes FAT's, moved into the years that FAT has."""
    year, month, day, hour, minute, second = expected
    seconds = calendar.timegm((*when, 0, 0, 0))
    assert stamp(seconds) == Stamp((year - 1980) * 512 + month * 32 + day, hour * 2048 + minute * 32 + second // 2)


@pytest.mark.parametrize("label", ["", "BAREFLOW", "A B", "ELEVEN CHAR", "$%'-_@~`!()", "{}^#&"])
def test_a_label_of_the_common_letters_passes(label: str) -> None:
    """Labels that every system shows alike are accepted, and so is none."""
    check_label(label)


@pytest.mark.parametrize("label", ["TWELVE CHARS", "lower", "A.B", "Ä", " A", "A ", "A/B", "A\0", '"'])
def test_any_other_label_is_refused(label: str) -> None:
    """A label that would be shown differently somewhere is an error."""
    with pytest.raises(DiskError, match="label is illegal"):
        check_label(label)
