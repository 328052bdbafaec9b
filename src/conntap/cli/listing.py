"""`tap steps`: what a study can do."""

from __future__ import annotations

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, print_json, print_rows

__all__: list[str] = []


@tap.command()
@click.argument("name", required=False)
@JSON
def steps(name: str | None, as_json: bool) -> None:
    """List every step, or print the reference of one.

    \b
    Examples:
      tap steps
      tap steps analyze.simplex_counts
    """
    import inspect

    from conntap.study.steps import find_step, step_names

    if name is None:
        found = [find_step(each) for each in step_names()]
        rows = [{"step": each.name, "takes": ", ".join(each.inputs) or "-", "does": each.summary} for each in found]
        if as_json:
            print_json(rows)
        else:
            print_rows(rows, title="steps")
        return
    step = find_step(name, where="tap steps")
    options = [
        {"option": each.name, "type": each.shown(), "default": "required" if each.required else repr(each.default)}
        for each in step.options.values()
    ]
    gathered = [name for name in step.inputs if step.items(name) is not None]
    if as_json:
        print_json({"step": step.name, "version": step.version, "inputs": list(step.inputs), "gathered": gathered, "kept": step.takes_kept, "options": options, "doc": inspect.getdoc(step.function)})  # fmt: skip
        return
    click.echo(click.style(f"{step.name}", bold=True) + f"  (version {step.version})\n")
    click.echo(inspect.getdoc(step.function) or "")
    for name in gathered:
        click.echo(
            f"\nIn a study {name} may be all cases of a stage along a column of their index: gather: {{{name}: COLUMN}}"
        )
    if step.takes_kept:
        click.echo("\nIn a study it keeps its progress: where its worker is killed, the next try takes that up.")
    if options:
        click.echo()
        print_rows(options, title="options in a study")
