"""Configurations: dialects, manifests, and what is said of broken ones."""

import json

import pytest
from sonata_files import write_circuit, write_config, write_edges, write_nodes

from conntap.circuits.circuit import open_circuit
from conntap.circuits.sonata.config import read_config, tidy
from conntap.errors import CircuitError


def _with_manifest(folder, manifest, nodes_file="$NET/nodes.h5"):
    return write_config(folder, [{"nodes_file": nodes_file}], [], manifest=manifest)


def test_variables_of_the_manifest_may_name_one_another(tmp_path):
    path = _with_manifest(tmp_path, {"$NET": "${BASE}/network", "$BASE": "./circuit"}, "${NET}/nodes.h5")
    assert read_config(path).nodes[0].file == tmp_path / "circuit/network/nodes.h5"


def test_a_variable_may_be_spelled_with_and_without_braces(tmp_path):
    for i, text in enumerate(["$NET/a.h5", "${NET}/a.h5"]):
        (tmp_path / str(i)).mkdir()
        path = _with_manifest(tmp_path / str(i), {"NET": "./n"}, text)
        assert read_config(path).nodes[0].file == tmp_path / str(i) / "n/a.h5"


def test_an_absolute_manifest_path_stays(tmp_path):
    assert str(read_config(_with_manifest(tmp_path, {"$NET": "/data"})).nodes[0].file) == "/data/nodes.h5"


def test_configdir_is_the_configurations_folder(tmp_path):
    path = _with_manifest(tmp_path, {"$NET": "${configdir}/n"})
    assert read_config(path).nodes[0].file == tmp_path / "n/nodes.h5"


def test_relative_paths_start_at_the_configuration(tmp_path, monkeypatch):
    path = write_circuit(tmp_path)
    monkeypatch.chdir("/")
    assert open_circuit(path).edges().size == 4


def test_a_circular_manifest_is_an_error_that_shows_the_circle(tmp_path):
    path = _with_manifest(tmp_path, {"$NET": "$BASE/n", "$BASE": "$NET"})
    with pytest.raises(CircuitError, match=r"manifest: circular: \$NET -> \$BASE -> \$NET"):
        read_config(path)


def test_an_undefined_variable_is_an_error_with_the_nearest_known(tmp_path):
    path = _with_manifest(tmp_path, {"$NETWORK": "."}, "$NETWORKS/nodes.h5")
    with pytest.raises(CircuitError, match=r"networks.nodes\[0\].nodes_file.*'\$NETWORKS'.*Did you mean '\$NETWORK'"):
        read_config(path)


def test_broken_json_is_an_error_with_line_and_column(tmp_path):
    path = tmp_path / "circuit_config.json"
    path.write_text('{"networks": {\n  "nodes": [,]}}')
    with pytest.raises(CircuitError, match="line 2, column 13"):
        read_config(path)


@pytest.mark.parametrize("key", ["manifest", "k" * 100_000])
def test_a_key_that_stands_twice_is_an_error_of_readable_length(tmp_path, key):
    path = tmp_path / "circuit_config.json"
    path.write_text(f'{{"{key}": {{}}, "{key}": {{}}}}')
    with pytest.raises(CircuitError, match="stands twice") as caught:
        read_config(path)
    assert len(str(caught.value)) < 300 + len(str(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "not an object"),
        ("{}", "neither 'networks' nor 'network'"),
        ('{"networks": []}', "networks: a list"),
        ('{"networks": {"nodes": {}}}', "ok"),
        ('{"networks": {"nodes": {"a": 1}}}', "networks.nodes: a dict"),
        ('{"networks": {"nodes": [{}]}}', r"networks.nodes\[0\]: no 'nodes_file'"),
        ('{"networks": {"nodes": [{"nodes_file": 3}]}}', "paths; give texts"),
        ('{"networks": {"nodes": [{"nodes_file": "a", "populations": 3}]}}', "one entry for each"),
        ('{"networks": {}, "manifest": {"$A": 3}}', "manifest: give an object of texts"),
        ('{"networks": {}, "node_sets_file": 3}', "node_sets_file: a int"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_configuration_of_another_form_is_answered_plainly(tmp_path, text, said):
    path = tmp_path / "circuit_config.json"
    path.write_text(text)
    if said == "ok":
        assert read_config(path).nodes == ()
    else:
        with pytest.raises(CircuitError, match=said):
            read_config(path)


def test_a_file_of_other_bytes_is_no_configuration(tmp_path):
    (tmp_path / "circuit_config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CircuitError, match="no UTF-8 text at byte 0"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("edges.csv", b"pre,post\n1,2\n", r"edges\.csv: no SONATA configuration; it looks like csv.*conntap\.read"),
        ("e.parquet", b"PAR1....", "it looks like parquet"),
        ("circuit", b"\x00\x01", r"binary content of no known kind.*no SONATA configuration"),
        ("broken.json", b"pre,post", "no valid JSON at line 1"),
    ],
)
def test_a_file_of_another_format_is_called_by_its_name(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CircuitError, match=said):
        open_circuit(tmp_path / name)


def test_node_sets_that_the_configuration_does_not_name_are_pointed_at(tmp_path):
    circuit = open_circuit(write_circuit(tmp_path))
    with pytest.raises(CircuitError, match=r"unknown node set 'LGN'.*names no node sets: give it a \"node_sets_file\""):
        circuit.nodes().ids("LGN")
    (tmp_path / "node_sets.json").write_text('{"LGN": {"node_id": 0}}')
    with pytest.raises(CircuitError, match=r'"node_sets_file": "node_sets\.json"'):
        open_circuit(circuit.path).nodes().ids("LGN")
    (tmp_path / "config.json").write_text('{"network": "circuit_config.json", "node_sets_file": "node_sets.json"}')
    with pytest.raises(CircuitError, match=r"config\.json beside it does: give the path of that file"):
        open_circuit(circuit.path).nodes().ids("LGN")
    assert open_circuit(tmp_path / "config.json").nodes().ids("LGN").tolist() == [0]


def test_a_missing_file_and_an_empty_folder_are_said(tmp_path):
    with pytest.raises(CircuitError, match=r"nowhere\.json: cannot be read \(no such file"):
        read_config(tmp_path / "nowhere.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(CircuitError, match=r"no circuit_config\.json.*JSON files there: other\.json"):
        read_config(tmp_path)


def test_a_simulation_names_its_circuit_and_adds_its_node_sets(tmp_path):
    write_circuit(tmp_path)
    (tmp_path / "sets.json").write_text('{"first": {"node_id": 0}}')
    simulation = {"run": {"dt": 0.1}, "network": "$B/circuit_config.json", "node_sets_file": "$B/sets.json"}
    more = {"manifest": {"$B": "."}, "reports": {"query": "$not a variable"}}
    (tmp_path / "simulation.json").write_text(json.dumps(simulation | more))
    (tmp_path / "config.json").write_text('{"network": "circuit_config.json", "simulation": "./simulation.json"}')
    for name in ("simulation.json", "config.json"):
        circuit = open_circuit(tmp_path / name)
        assert circuit.path.name == "circuit_config.json"
        assert circuit.nodes().ids("first").tolist() == [0]


def test_a_disabled_entry_is_left_out(tmp_path):
    write_nodes(tmp_path / "nodes.h5")
    write_edges(tmp_path / "edges.h5", pre=[0], post=[1])
    edges = [{"edges_file": "edges.h5"}, {"edges_file": "nowhere.h5", "enabled": False}]
    circuit = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], edges))
    assert list(circuit.edge_populations) == ["cells__cells"]


def test_only_the_populations_named_are_opened_where_they_are_named(tmp_path):
    for name in ("a", "b"):
        write_nodes(tmp_path / "nodes.h5", name)
    some = write_config(tmp_path, [{"nodes_file": "nodes.h5", "populations": {"b": {"type": "virtual"}}}], [])
    assert list(open_circuit(some).node_populations) == ["b"]
    assert open_circuit(some).nodes("b").options == {"type": "virtual"}
    every = write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [], name="every.json")
    assert list(open_circuit(every).node_populations) == ["a", "b"]


def test_a_population_in_two_entries_is_an_error(tmp_path):
    write_nodes(tmp_path / "nodes.h5")
    path = write_config(tmp_path, [{"nodes_file": "nodes.h5"}] * 2, [])
    with pytest.raises(CircuitError, match="'cells' stands in two entries"):
        open_circuit(path).nodes()


def test_the_configuration_shown_has_no_variables_left(tmp_path):
    path = _with_manifest(tmp_path, {"$NET": "./n"})
    assert open_circuit(path).config["networks"]["nodes"][0]["nodes_file"] == str(tmp_path / "n/nodes.h5")


def test_a_path_of_a_variable_is_without_dots_but_where_a_link_makes_that_another_file(tmp_path):
    (tmp_path / "components").mkdir()
    (tmp_path / "deep" / "there").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "there")
    assert tidy(tmp_path / "deep" / ".." / "components") == str(tmp_path / "components")
    assert tidy(tmp_path / "link" / ".." / "components") == str(tmp_path / "link" / ".." / "components")
    (tmp_path / "circuit").mkdir()
    manifest = {"$COMPONENT_DIR": "../components"}
    path = write_config(
        tmp_path / "circuit", [], [], manifest=manifest, components={"morphologies_dir": "$COMPONENT_DIR/swc"}
    )
    assert read_config(path).values["components"]["morphologies_dir"] == str(tmp_path / "components" / "swc")
