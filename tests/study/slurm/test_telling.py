"""What is told of jobs that failed: where the reason stands, each reason once; and what is asked of a cluster that is not there."""

from slurm_fake import Fake

from conntap.study.slurm.failures import all_failures
from conntap.study.slurm.following import standings

FAILED = {"7_0": ("FAILED", "NonZeroExitCode"), "7_1": ("FAILED", "NonZeroExitCode")}


def test_a_job_that_could_not_run_is_told_by_its_own_log_and_the_last_line_of_it(launched):
    _, out, launch = launched
    (launch.folder / "n" / "logs").mkdir()
    (launch.folder / "n" / "logs" / "share-00000.log").write_text("hello\nno module: zzz\n\n")
    (launch.folder / "n" / "logs" / "share-00001.log").write_text("")
    told = {each["job"]: each for each in all_failures(out, standings(out, queue=Fake(FAILED).queue))}
    ended = "ended as FAILED (NonZeroExitCode) before it was done"
    assert told["7_0"]["error"] == f"its job 7_0 {ended}; its log ends: no module: zzz"
    assert told["7_1"]["error"] == f"its job 7_1 {ended}"
    assert {each["log"] for each in told.values()} == {each["job_log"] for each in told.values()}
