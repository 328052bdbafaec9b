"""What `tap ngv` says of the study that it writes."""

from click.testing import CliRunner

from conntap import cli


def planned(folder, *options):
    result = CliRunner().invoke(cli.tap, ["ngv", str(folder), *options, "--plan"])
    assert result.exit_code == 0, result.output
    return result


def test_a_plan_says_the_command_that_computes_what_was_asked_for(tmp_path):
    assert (
        f"Now: tap ngv {tmp_path / 'cube'} --until domains\n" in planned(tmp_path / "cube", "--until", "domains").output
    )


def test_a_study_that_is_replaced_is_said_with_what_differs(tmp_path):
    assert "replaced:" not in planned(tmp_path / "cube", "--size", "100").output
    text = planned(tmp_path / "cube", "--size", "100", "--seed", "8").output
    assert f"replaced: {tmp_path / 'cube' / 'study.yaml'}\n  - seed: 7\n  + seed: 8\n" in text
    assert "replaced:" not in planned(tmp_path / "cube").output
