"""Flip bytes of a store or a connectome's file one at a time and read it; run as a script, so that a crash stays in it.

`python flipped_files.py FILE SEED N` (FILE is named store... or connectome...) ends with 0 where each damaged copy raises a ConntapError or reads as the whole file
does. A copy that takes ten seconds ends the process.
"""

import logging
import random
import signal
import sys
import warnings
from pathlib import Path

from store_samples import same

from conntap import open_store, read
from conntap.errors import ConntapError


def of_store(path):
    with open_store(path) as store:
        return [store.attrs, *(of_stage(each) for each in store.values())]


def of_stage(stage):
    about = [stage.name, stage.description, stage.step, stage.options, stage.inputs, stage.attrs, stage.keys]
    return [*about, stage.cases, list(stage)]


def of_connectome(path):
    connectome = read(path, format="hdf5")
    tables = [connectome.pre_nodes, connectome.post_nodes, connectome.edges]
    return [connectome.name, connectome.is_square, *tables]


def damaged(whole, rng):
    at, bit = rng.randrange(len(whole)), rng.randrange(8)
    data = bytearray(whole)
    data[at] = data[at] ^ (1 << bit) if rng.random() < 0.7 else rng.randrange(256)
    return at, bytes(data)


def main(path, seed, n):
    warnings.simplefilter("ignore")
    logging.disable()
    path = Path(path)
    reader = of_store if path.name.startswith("store") else of_connectome
    expected, whole = reader(path), path.read_bytes()
    rng, told = random.Random(seed), 0
    copy = path.with_name(f"{path.stem}-damaged.h5")
    copy.write_bytes(whole)
    if not same(reader(copy), expected):
        sys.exit("the whole file reads otherwise each time")
    for number in range(n):
        at, data = damaged(whole, rng)
        copy.write_bytes(data)
        print(f"copy {number} of seed {seed}: byte {at}", flush=True)
        signal.alarm(10)
        try:
            equal = same(reader(copy), expected)
        except ConntapError:
            told += 1
            continue
        finally:
            signal.alarm(0)
        if not equal:
            sys.exit(f"byte {at}: another value, and no error")
    print(f"{told} of {n} told")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
