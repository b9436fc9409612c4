import numpy as np
import pytest
from test_retrieval.toy_encoder import ToyEncoder

from retrieval.embedding import batch_size
from retrieval.embedding.batch_size import BatchSize, available_memory, is_out_of_memory

IMAGE = np.zeros((28, 28), np.uint8)


class SmallEncoder(ToyEncoder):
    """Holds so many images at a time, no more."""

    def __init__(self, most, error=None):
        super().__init__()
        self.most = most
        self.error = error or MemoryError()
        self.batches = []

    def _embed_image_batch(self, images):
        if len(images) > self.most:
            raise self.error
        self.batches.append(len(images))
        return super()._embed_image_batch(images)


class GreedyEncoder(ToyEncoder):
    """Takes so many bytes for each image."""

    def __init__(self, each):
        super().__init__()
        self.each = each

    def _embed_image_batch(self, images):
        taken = np.ones(len(images) * self.each, np.uint8)
        return super()._embed_image_batch(images) * taken[0]


class OutOfMemoryError(RuntimeError):
    """As torch calls it for CUDA."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate "
                     "memory: you tried to allocate 99 bytes"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ],
)  # fmt: skip
def test_a_batch_that_does_not_fit_is_halved_until_it_does(error, capfd):
    encoder = SmallEncoder(10, error)
    size = BatchSize(64)
    images = [IMAGE + i for i in range(64)]
    embeddings = size.embed(encoder, images)
    assert np.array_equal(embeddings, ToyEncoder().embed_images(images))
    assert (size.value, encoder.batches) == (8, [8] * 8)
    assert "16 at a time did not fit" in size.reason
    assert capfd.readouterr().err.count("did not fit into memory: going on with") == 3
    size.embed(encoder, images[:20])
    assert encoder.batches[8:] == [8, 8, 4]


def test_one_image_that_does_not_fit_is_an_error():
    with pytest.raises(MemoryError, match="not even one"):
        BatchSize(2).embed(SmallEncoder(0), [IMAGE])


def test_other_errors_are_not_taken_for_memory():
    assert not is_out_of_memory(RuntimeError("expected scalar type Float"))
    assert not is_out_of_memory(ValueError("out of memory"))
    with pytest.raises(RuntimeError, match="shape"):
        BatchSize(2).embed(SmallEncoder(0, RuntimeError("shape mismatch")), [IMAGE])


def test_auto_takes_what_pays_where_memory_is_plenty():
    size = BatchSize()
    assert (size.value, size.reason) == (None, "nothing was embedded")
    assert size.fit(ToyEncoder(), IMAGE) == batch_size.LARGEST_ON_CPU
    assert "free in RAM" in size.reason


def test_auto_fits_into_the_memory_there_is(monkeypatch):
    # Each image takes 32 MiB: half of 600 MiB holds nine of them.
    monkeypatch.setattr(batch_size, "available_memory", lambda: 600 << 20)
    assert BatchSize().fit(GreedyEncoder(32 << 20), IMAGE) == 8
    assert BatchSize(processes=4).fit(GreedyEncoder(32 << 20), IMAGE) == 2
    monkeypatch.setattr(batch_size, "available_memory", lambda: 0)
    assert BatchSize().fit(GreedyEncoder(32 << 20), IMAGE) == 1


def test_auto_with_an_encoder_that_cannot_take_a_few():
    size = BatchSize()
    assert size.fit(SmallEncoder(3), IMAGE) == 1
    assert "did not fit" in size.reason


def test_memory_is_seen():
    assert 1 << 20 < available_memory() < 1 << 50


def test_a_batch_of_none_is_refused():
    with pytest.raises(ValueError, match="batch_size must be >= 1"):
        BatchSize(0)
