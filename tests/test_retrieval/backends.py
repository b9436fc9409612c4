"""The same gallery in every backend, so that one test asks them all.

Milvus is milvus-lite in a file, or the server that ``MEDX_TEST_MILVUS`` names.
"""

import os
import uuid

from retrieval.milvus.catalog import alias_of, catalog_at
from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.store import write_gallery
from retrieval.place import load_index

SERVER = os.environ.get("MEDX_TEST_MILVUS")


class Shelf:
    """Keeps indexes in one backend and gives them back opened."""

    def __init__(self, backend, uri):
        self.backend = backend
        self._uri = uri
        self._parts = {}

    def keep(self, index, kind="flat"):
        if self.backend == "faiss":
            return index
        return load_index(self.write(index, kind))

    def write(self, index, kind="flat"):
        """Return where the index is now, in Milvus."""
        place = self.place(index.name)
        write_gallery(place, index.batches(), index.description, kind=kind)
        return place

    def place(self, name="x"):
        """Return a place in Milvus that nothing is at."""
        return MilvusPlace(self._uri, f"{name} {uuid.uuid4().hex[:8]}")


def drop(place):
    """Remove a gallery."""
    catalog = catalog_at(place.uri)
    if catalog.holds(place.name):
        collection = catalog.collection_of(alias_of(place.name))
        catalog.client.drop_alias(alias_of(place.name))
        catalog.client.drop_collection(collection)
