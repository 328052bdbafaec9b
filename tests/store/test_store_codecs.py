"""Every value comes back as it went in, by every way."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from store_samples import matrices, same, series, simplices, tables, through_shard, through_store, values

from conntap.errors import StoreError
from conntap.store import Encoded, File, decode, encode, pack, register, unpack

few = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(value=values)
def test_a_value_comes_back_from_its_encoding(value):
    assert same(value, decode(encode(value)))


@few
@given(some=st.lists(values, max_size=5))
def test_values_of_any_mixture_come_back_from_a_store(some, tmp_path):
    assert same(some, through_store(some, tmp_path))


@few
@given(some=st.lists(values, max_size=5))
def test_values_of_any_mixture_come_back_from_a_shard(some, tmp_path):
    assert same(some, through_shard(some, tmp_path))


@few
@given(
    some=st.one_of(*(st.lists(kind, min_size=2, max_size=6) for kind in (tables(), series(), matrices(), simplices)))
)
def test_values_of_one_kind_come_back_from_a_store(some, tmp_path):
    assert same(some, through_store(some, tmp_path))


@pytest.mark.parametrize("value", [np.int32(7), np.float32(0.5), np.bool_(True), np.uint64(2**64 - 1)])
def test_a_numpy_scalar_comes_back_as_the_python_number(value):
    assert same(decode(encode(value)), value.item())


@pytest.mark.parametrize("form", [sparse.coo_array, sparse.csc_array, sparse.lil_array, sparse.coo_matrix])
def test_any_sparse_form_comes_back_as_a_csr_array(form):
    dense = np.array([[0, 2], [1, 0]])
    back = decode(encode(form(dense)))
    assert isinstance(back, sparse.csr_array)
    assert back.toarray().tolist() == dense.tolist()


def test_large_matrices_are_stored_in_small_integers_and_come_back_in_their_own():
    matrix = sparse.csr_array(np.array([[0, 300], [1, 0]], dtype=np.int64))
    encoded = encode(matrix)
    assert [encoded.arrays[name].dtype.itemsize for name in ("data", "indices", "indptr")] == [2, 1, 1]
    assert decode(encoded).dtype == np.int64


def test_objects_that_are_numbers_or_text_become_proper_columns():
    table = pd.DataFrame({"n": pd.Series([1, None], dtype=object), "t": pd.Series(["a", None], dtype=object)})
    back = decode(encode(table))
    assert back["n"].dtype == "Int64"
    assert back["t"].isna().tolist() == [False, True]


def test_objects_that_are_whole_numbers_come_back_as_numbers_of_64_bits():
    assert decode(encode(pd.Series([1, 2], dtype=object))).dtype == np.int64
    assert decode(encode(pd.Series([True, None], dtype=object))).dtype == "boolean"


def test_entries_of_a_coo_matrix_that_stand_twice_are_added_and_stored_zeros_stay():
    twice = sparse.coo_array(([1, 2, 0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert decode(encode(twice)).data.tolist() == [3, 0]


def test_columns_with_several_levels_come_back():
    table = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("x", 1), ("x", 2)], names=["a", "b"]))
    pd.testing.assert_frame_equal(decode(encode(table)), table)


def test_numbered_columns_come_back_as_numbers():
    table = pd.DataFrame([[1, 2]], columns=[3, 7])
    pd.testing.assert_frame_equal(decode(encode(table)), table)


@pytest.mark.parametrize(
    "names", [[0.0, 1.0], [0, 1], [1, 0], [0, 1.0], [True, False], ["a", None], [0, "a"], [1, True]]
)
def test_names_of_columns_keep_their_types(names):
    back = decode(encode(pd.DataFrame([[7, 8]], columns=pd.Index(names, dtype=object)))).columns.tolist()
    assert [(type(each), each) for each in back] == [(type(each), each) for each in names]


def test_the_value_is_untouched_by_encoding():
    table = pd.DataFrame({"a": ["x", "y"], "b": pd.Categorical(["u", "v"])})
    before = table.copy(deep=True)
    encode(table)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("value", [object(), {1, 2}, [1, 2], (1, 2), b"bytes"])
def test_an_unknown_type_is_refused_and_named(value):
    with pytest.raises(StoreError, match=f"{type(value).__name__} cannot be stored; known encodings: .*array"):
        encode(value)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (pd.DataFrame({"a": [[1], [2]]}), "column 'a': it holds objects"),
        (np.array([object()]), "array of type object"),
        (np.ma.masked_array([1, 2], [True, False]), "masked array"),
        (pd.DataFrame({"a": pd.to_datetime(["2020-01-01"]).tz_localize("UTC")}), "column 'a'"),
        ({1: 2}, "keys are text"),
        (sparse.coo_array(np.ones(3)), "1 dimensions"),
        (File("/no/such/file"), "cannot be read"),
    ],
)
def test_what_has_no_place_in_a_store_is_refused_with_its_place(value, what):
    with pytest.raises(StoreError, match=what):
        encode(value)


def test_an_encoding_of_a_newer_version_is_refused():
    with pytest.raises(StoreError, match="version 99; this conntap reads up to 1"):
        decode(Encoded("array", 99, {}, {}))


def test_an_unknown_encoding_is_refused_with_the_nearest():
    with pytest.raises(StoreError, match="Did you mean 'sparse'"):
        decode(Encoded("sprase", 1, {}, {}))


def test_a_room_can_register_its_own_type():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    register(
        "test-pair",
        version=1,
        types=(Pair,),
        encode=lambda p: Encoded("test-pair", 1, *pack({"a": encode(p.a), "b": encode(p.b)})),
        decode=lambda e: Pair(*(decode(part) for part in unpack(e.arrays, e.attrs).values())),
    )
    back = decode(encode(Pair(np.arange(3), "text")))
    assert same(back.a, np.arange(3))
    assert back.b == "text"


def test_an_encoder_that_hands_out_objects_is_refused():
    class Odd:
        pass

    register(
        "test-odd",
        version=1,
        types=(Odd,),
        encode=lambda _: Encoded("test-odd", 1, {"x": np.array([None])}),
        decode=lambda _: Odd(),
    )
    with pytest.raises(StoreError, match="array 'x' of encoding 'test-odd' is of type object"):
        encode(Odd())
