"""The SLURM of the tests is a real one: it runs arrays, keeps to their limits, and forgets nothing of a killed node."""

from slurm_server import until


def test_an_array_runs_on_several_nodes(slurm, tmp_path):
    slurm.ask("sbatch", "-J", "t", "--array=0-3", "-N1", "--exclusive", "-o", f"{tmp_path}/%a", "--wrap", "echo $SLURMD_NODENAME")  # fmt: skip
    slurm.wait()
    assert {(tmp_path / str(i)).read_text().strip() for i in range(4)} == {"n1", "n2", "n3", "n4"}


def test_a_killed_node_takes_its_job_with_it_and_comes_back(slurm, tmp_path):
    slurm.ask("sbatch", "--no-requeue", "-w", "n2", "-o", f"{tmp_path}/o", "--wrap", f"touch {tmp_path}/on; sleep 100")
    until((tmp_path / "on").exists)
    slurm.stop_node(2)
    slurm.wait()
    assert slurm.jobs()[-1]["JobState"] == "NODE_FAIL"
    slurm.restore()
    slurm.ask("srun", "-w", "n2", "true")


def test_a_drained_node_is_back_in_order_for_the_next_test(slurm):
    slurm.ask("scontrol", "update", "nodename=n1", "state=drain", "reason=test")
    slurm.restore()
    assert slurm.ask("sinfo", "-h", "-t", "idle", "-o", "%D").strip() == "4"
