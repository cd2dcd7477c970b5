"""Dates in digits: told from numbers, in each order that fits."""

import numpy as np
import pyarrow as pa
import pytest

from recbench_files.times.digits import digits_formats
from recbench_files.times.strptime import fits


@pytest.mark.parametrize(
    ("values", "formats"),
    [
        ([20101231, 20101130], ["%Y%m%d"]),
        ([20101112, 20101110], ["%Y%m%d"]),
        ([20103112, 20103011], ["%Y%d%m"]),
        ([31122010, 1112010], ["%d%m%Y"]),
        ([3112201008, 111201023], ["%d%m%Y%H"]),
        ([12312010082600, 11302010235959], ["%m%d%Y%H%M%S"]),
        ([981231, 991130, 991231], ["%y%m%d"]),
        ([311299, 301199, 10810], ["%d%m%y"]),
        ([123199, 113009, 10810], ["%m%d%y"]),
        ([10210, 100411, 110512], ["%y%m%d", "%m%d%y", "%d%m%y"]),
        ([199912, 200001, 201506], ["%Y%m"]),
        ([9912310826, 9911300826, 9812312359], ["%y%m%d%H%M"]),
        ([0, -1, 20101231], ["%Y%m%d"]),
        ([20101231.0, 20101130.0], ["%Y%m%d"]),
        ([20101231.5, 20101130.0], []),
        ([101231, 101231], []),  # one day, which may be chance
        ([10101, 10102, 10103], []),  # no six digits
        ([103199, 991332, 123456], []),
        ([1512311210, 1512311220, 1512311230], []),  # seconds since 1970, within a minute
        ([1291191960, 1291195560, 1293840000], []),
        ([1291191960123, 1291191961123], []),
        ([43831, 43832, 43833], []),
        ([2010, 2011, 2012], []),
        ([1, 2, 3], []),
        ([0, -1], []),
    ],
)
def test_formats_that_fit(values, formats):
    assert digits_formats(np.array(values)) == formats
    if formats:
        known = [int(value) for value in values if value > 0]
        assert all(fits(pa.array(known), time_format) for time_format in formats)


def test_all_of_many_values_decide():
    days = np.tile(np.array([20101231, 20101130]), 2000)
    assert digits_formats(days) == ["%Y%m%d"]
    mixed = np.where(np.arange(len(days)) % 4 == 0, days, 1291191960)
    assert digits_formats(mixed) == []
