"""Bytes and tables: the store of results, shards of records, atomic files, and codecs of values."""

from conntap.store.codecs import Encoded, decode, encode, located, pack, placed, register, unpack
from conntap.store.files import File, atomic
from conntap.store.reading import Dataset, Store, open_store
from conntap.store.shards import ShardEntry, ShardWriter, is_whole, read, read_header, scan, survey
from conntap.store.writing import StageData, write_store

__all__ = [
    "Dataset",
    "Encoded",
    "File",
    "ShardEntry",
    "ShardWriter",
    "StageData",
    "Store",
    "atomic",
    "decode",
    "encode",
    "is_whole",
    "located",
    "open_store",
    "pack",
    "placed",
    "read",
    "read_header",
    "register",
    "scan",
    "survey",
    "unpack",
    "write_store",
]
