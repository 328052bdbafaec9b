"""Units that are parts of one whole: the whole is the same however it is parted."""

import numpy as np

from conntap import open_store
from conntap.study import load_study, prepare, run
from conntap.study.entries import with_run


def study(folder, parts, more=""):
    path = folder / f"{parts}{len(more)}.yaml"
    shares = f"parts: {parts}, each: {{part: {list(range(parts))}}}"
    path.write_text(f"study: Parts\nseed: 4\nstages:\n  n: {{do: 'sharing_steps:numbers', {shares}{more}}}\n")
    return load_study(path)


def whole(folder, parts):
    run(with_run(study(folder, parts), workers=1), out=folder / str(parts))
    found = open_store(folder / str(parts) / "store.h5")["n"]
    return np.concatenate([value.to_numpy() for _, value in found.values()])


def test_the_whole_does_not_depend_on_how_it_is_parted(tmp_path):
    one = whole(tmp_path, 1)
    assert len(np.unique(one)) == 12
    for parts in (3, 5):
        assert whole(tmp_path, parts).tolist() == one.tolist()


def test_parts_have_keys_of_their_own_and_other_options_other_seeds(tmp_path):
    two, more = (prepare(study(tmp_path, 2, extra))[0]["n"].units for extra in ("", ", n: 13"))
    assert len({unit.key for unit in (*two, *more)}) == 4
    assert len({str(unit.made["seed"]) for unit in two}) == 1
    assert not {str(unit.made["seed"]) for unit in two} & {str(unit.made["seed"]) for unit in more}
