"""The bytes that pyarrow reads: an error while reading ends them, and is raised afterwards."""

import io

import pytest

from recbench_files.layout import Layout
from recbench_files.text.lines import SAMPLE
from recbench_files.text.stream import TextStream


class Broken(io.BytesIO):
    """A file of which only the first bytes can be read."""

    def read(self, size=-1):
        if self.tell():
            raise OSError("Truncated compressed stream")
        return super().read(size)


def test_an_error_ends_the_bytes_and_is_raised_after_reading():
    stream = TextStream(Layout("log.csv", None, delimiter=","), Broken(b"1,2\n" * SAMPLE))
    assert len(stream.read(SAMPLE)) == SAMPLE
    assert stream.read(SAMPLE) == b""  # an error here would keep pyarrow's threads
    with pytest.raises(OSError, match="Truncated"), stream:
        pass


def test_the_error_of_reading_comes_before_what_it_causes():
    stream = TextStream(Layout("log.csv", None, delimiter=","), Broken(b"1,2\n" * SAMPLE))
    stream.read(2 * SAMPLE)
    with pytest.raises(OSError, match="Truncated"), stream:
        raise ValueError("the last row is not complete")
