import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from datasets import DataError
from datasets.idx import encode_idx, gunzip_idx, parse_idx

images = arrays(np.uint8, array_shapes(max_dims=4, min_side=0, max_side=5))


@given(images)
def test_an_array_survives_writing_and_reading(array):
    back = parse_idx(encode_idx(array))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, array)


@given(images)
def test_an_array_survives_compression(array):
    assert gunzip_idx(gzip.compress(encode_idx(array))) == encode_idx(array)


@given(images, st.data())
def test_damaged_bytes_are_refused_or_read_as_what_they_say(array, data):
    content = bytearray(encode_idx(array))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert encode_idx(parse_idx(content)) == content
    except DataError:
        pass


@given(images, st.data())
def test_a_damaged_gzip_stream_is_refused_or_read_as_what_it_says(array, data):
    raw = bytearray(gzip.compress(encode_idx(array)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    try:
        content = gunzip_idx(bytes(raw))
        assert encode_idx(parse_idx(content)) == content
    except DataError:
        pass


@given(st.binary(max_size=64))
def test_any_bytes_are_refused_or_read(content):
    try:
        parse_idx(content)
    except DataError:
        pass


GOOD = encode_idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "two zero bytes; found b''"),
        (b"<htm" + GOOD, "two zero bytes; found b'<htm'"),
        (b"\0\0\x0d\x02" + GOOD[4:], "type 0x08.*found type 0x0d"),
        (b"\0\0\x08\x00", "1 to 4 dimensions, found 0"),
        (GOOD[:9], "cut short: 9 bytes of a 12-byte header"),
        (GOOD[:-1], r"cut short: .*\(2, 3\), 18 bytes in all; found 17"),
        (GOOD + b"!", "trailing bytes: .* 18 bytes in all; found 19"),
    ],
)
def test_the_error_says_what_was_expected_and_found(content, message):
    with pytest.raises(DataError, match=message):
        parse_idx(content)


def test_a_header_that_declares_too_much_is_refused_before_anything_is_allocated():
    content = b"\0\0\x08\x03" + struct.pack(">III", 2**31, 2**31, 2**31)
    tracemalloc.start()
    with pytest.raises(DataError, match="more than the 67,108,864 bytes allowed"):
        parse_idx(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20  # the error message and the parser's own objects


def test_a_decompression_bomb_stops_just_after_what_the_header_declares():
    bomb = gzip.compress(GOOD + bytes(50 * 2**20))
    tracemalloc.start()
    content = gunzip_idx(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(GOOD) < len(content) <= len(GOOD) + 20
    assert peak < 2**21  # gzip's own buffers, far below the 50 MiB of the bomb
    with pytest.raises(DataError, match="trailing bytes"):
        parse_idx(content)


def test_a_truncated_gzip_stream_is_named_as_such():
    with pytest.raises(DataError, match="gzip stream is damaged or cut short"):
        gunzip_idx(gzip.compress(GOOD)[:-9])


@pytest.mark.parametrize("n", [1, 12, 13, 1000])  # 12 labels end where the header's buffer ends
def test_a_wrong_gzip_checksum_is_noticed(n):
    raw = bytearray(gzip.compress(encode_idx(np.zeros(n, np.uint8))))
    raw[-8] ^= 1
    with pytest.raises(DataError, match="gzip stream is damaged"):
        gunzip_idx(bytes(raw))
