"""Frames: what goes in comes out, and what was changed is noticed."""

import os

import pytest

from nbreplay.digest import digest_bytes
from nbreplay.store import frame
from nbreplay.store.blobs import checked

CONTENTS = {"empty": b"", "short": b"abc", "random": os.urandom(5000), "zeros": bytes(3_000_000)}


@pytest.mark.parametrize("name", CONTENTS)
def test_content_comes_back_as_it_was(name):
    data = CONTENTS[name]
    packed = frame.pack(data, digest_bytes(data), 1.5)
    assert checked(memoryview(packed), digest_bytes(data)) == data


def test_the_header_is_64_bytes_and_says_what_it_is():
    data = os.urandom(1000)
    packed = frame.pack(data, digest_bytes(data), 1.5)
    assert len(packed) == 64 + 1000
    assert packed[:6] == b"NBRF\x01\x00"
    assert frame.unpack_header(packed) == (frame.RAW, 1000, 1000, digest_bytes(data))


def pays(data):
    return frame.pays(len(data), lambda start, stop: data[start:stop], 1.5)


def test_what_shrinks_is_compressed_and_what_does_not_is_kept_raw():
    assert pays(bytes(3_000_000))
    assert not pays(os.urandom(3_000_000))
    assert not pays(bytes(100))


def test_the_probe_looks_at_all_of_the_content_not_at_its_start():
    mostly_noise = bytes(1 << 20) + os.urandom(15 << 20)
    assert not pays(mostly_noise)


@pytest.mark.parametrize("content", [os.urandom(300), bytes(3000)], ids=["raw", "zstd"])
def test_every_flipped_byte_is_noticed(content):
    digest = digest_bytes(content)
    packed = frame.pack(content, digest, 1.5)
    for position in range(len(packed)):
        broken = bytearray(packed)
        broken[position] ^= 0x41
        with pytest.raises(ValueError, match=r"."):
            checked(memoryview(broken), digest)


@pytest.mark.parametrize("content", [os.urandom(300), bytes(3000)], ids=["raw", "zstd"])
def test_every_cut_is_noticed(content):
    digest = digest_bytes(content)
    packed = frame.pack(content, digest, 1.5)
    for length in range(len(packed)):
        with pytest.raises(ValueError, match=r"."):
            checked(memoryview(packed)[:length], digest)


def test_a_frame_that_claims_to_be_huge_takes_no_memory():
    content = bytes(3000)
    packed = frame.pack(content, digest_bytes(content), 1.5)
    header = frame.unpack_header(packed)
    bomb = frame.pack_header(header._replace(size_bytes=1 << 50)) + packed[64:]
    with pytest.raises(ValueError, match="lengths differ"):
        checked(memoryview(bomb), digest_bytes(content))
